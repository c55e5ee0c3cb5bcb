//! The convolutions of both networks at 256x256 pixels and batch 1. Criterion's "elements" are floating-point operations
//! of the definition (two for each multiply-accumulate), so its Gelem/s are GFLOP/s. A fast form needs fewer operations
//! and may exceed the machine's peak.
//!
//! `cargo bench -p pix2pix-benches -- "forward/"` selects by name; `RAYON_NUM_THREADS` sets threads.

use std::mem::MaybeUninit;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use pix2pix_kernels::winograd::Form;
use pix2pix_kernels::{Arithmetic, Geometry, InstructionSet, Weights, im2col};

/// Name, channels in and out, side of the input, stride. A transposed convolution is listed as the convolution it
/// transposes.
const LAYERS: [(&str, [usize; 2], usize, usize); 18] = [
    ("encoder.0", [3, 64], 256, 2),
    ("encoder.1", [64, 128], 128, 2),
    ("encoder.2", [128, 256], 64, 2),
    ("encoder.3", [256, 512], 32, 2),
    ("encoder.4", [512, 512], 16, 2),
    ("encoder.5", [512, 512], 8, 2),
    ("encoder.6", [512, 512], 4, 2),
    ("encoder.7", [512, 512], 2, 2),
    ("decoder.1", [512, 1024], 4, 2),
    ("decoder.2", [512, 1024], 8, 2),
    ("decoder.3", [512, 1024], 16, 2),
    ("decoder.4", [256, 1024], 32, 2),
    ("decoder.5", [128, 512], 64, 2),
    ("decoder.6", [64, 256], 128, 2),
    ("output", [3, 128], 256, 2),
    ("discriminator.0", [6, 64], 256, 2),
    ("discriminator.3", [256, 512], 32, 1),
    ("discriminator.4", [512, 1], 31, 1),
];

fn layers(criterion: &mut Criterion) {
    for (name, [in_channels, out_channels], side, stride) in LAYERS {
        let geometry = Geometry {
            batch: 1,
            in_channels,
            out_channels,
            input: [side; 2],
            kernel: 4,
            stride,
            padding: [1, 1],
        };
        let input = noise(geometry.input_len());
        let weights = noise(geometry.weights());
        let output = noise(geometry.output_len());
        let pixels = geometry.output().iter().product::<usize>();
        let operations = 2 * geometry.weights() * pixels;

        let mut ways: Vec<(String, Option<(InstructionSet, Form)>)> =
            vec![("im2col".to_string(), None)];
        if in_channels.min(out_channels) >= 16 && side > 2 {
            for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
                let instructions = InstructionSet::best(arithmetic);
                for &form in Form::all(instructions, &geometry) {
                    let name = format!("{form:?} {instructions:?}");
                    ways.push((name, Some((instructions, form))));
                }
            }
        }
        let stored = Weights::F32(&weights);
        for (way, fast) in ways {
            let mut group = criterion.benchmark_group(format!("{name}/{way}"));
            group.throughput(Throughput::Elements(operations as u64));
            group.bench_function("forward", |bencher| {
                let mut result = written(output.len());
                bencher.iter(|| {
                    match fast {
                        Some((instructions, form)) => {
                            form.forward(instructions, &geometry, &input, stored, &mut result)
                        }
                        None => im2col::forward(&geometry, &input, stored, &mut result),
                    };
                });
            });
            group.bench_function("input_gradient", |bencher| {
                let mut result = written(input.len());
                bencher.iter(|| {
                    match fast {
                        Some((instructions, form)) => form.input_gradient(
                            instructions,
                            &geometry,
                            &output,
                            stored,
                            &mut result,
                        ),
                        None => im2col::input_gradient(&geometry, &output, stored, &mut result),
                    };
                });
            });
            group.bench_function("weight_gradient", |bencher| {
                let mut result = written(weights.len());
                bencher.iter(|| {
                    match fast {
                        Some((instructions, form)) => form.weight_gradient(
                            instructions,
                            &geometry,
                            &input,
                            &output,
                            &mut result,
                        ),
                        None => im2col::weight_gradient(&geometry, &input, &output, &mut result),
                    };
                });
            });
            group.finish();
        }
    }
}

fn noise(length: usize) -> Vec<f32> {
    (0..length).map(|i| ((i * 7919) as f32).sin()).collect()
}

/// An output whose pages exist, so that no page fault is timed.
fn written(length: usize) -> Vec<MaybeUninit<f32>> {
    vec![MaybeUninit::new(f32::NAN); length]
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(10)
        .without_plots()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(400));
    targets = layers
}
criterion_main!(benches);
