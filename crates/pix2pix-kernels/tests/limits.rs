//! Limits of the instructions. `PIX2PIX_INSTRUCTIONS` is read once per process, so each test runs itself again in a
//! process with its value.

use std::process::Command;

use pix2pix_kernels::{
    Adam, Arithmetic, Geometry, InstructionSet, Limit, Norm, adam, check_environment, convolution,
    filled, im2col, norm_forward, norm_input_gradient, norm_parameter_gradients, norm_statistics,
    reference, set_limit, tanh,
};

const VARIABLE: &str = "PIX2PIX_INSTRUCTIONS";
/// [`hash_of_results`] of the kernels as they are. Changing the arithmetic of one changes it.
const BITS: u64 = 0x8abf_ce12_7d75_8543;

/// Whether this is a process with this value of the variable. If not, runs the test in one that is, and checks that it
/// passes there.
fn is_with(value: &str, test: &str) -> bool {
    if std::env::var_os(VARIABLE).is_some_and(|set| set == value) {
        return true;
    }
    let program = std::env::current_exe().expect("the test's own program");
    let output = Command::new(program)
        .args(["--exact", test, "--nocapture"])
        .env(VARIABLE, value)
        .output()
        .expect("it runs again");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    // no test has another name
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains("1 passed"), "{told}");
    false
}

#[test]
fn portable_results_are_the_same_everywhere() {
    if !is_with("portable", "portable_results_are_the_same_everywhere") {
        return;
    }
    assert_eq!(check_environment(), Ok(()));
    for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
        let best = InstructionSet::best(arithmetic);
        assert_eq!(best, InstructionSet::Portable(arithmetic));
    }
    for threads in [1, 2, 3, 16] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let hash = pool.build().expect("a pool").install(hash_of_results);
        assert_eq!(hash, BITS, "{hash:#x} on {threads} threads");
    }
}

/// AVX2 may be asked for where there is more, and nothing that the processor lacks.
#[test]
fn avx2_is_used_where_it_is() {
    if !is_with("avx2", "avx2_is_used_where_it_is") {
        return;
    }
    let avx2 = InstructionSet::Avx2(Arithmetic::F32);
    if !InstructionSet::available(Arithmetic::F32).any(|one| one == avx2) {
        assert!(check_environment().unwrap_err().contains("no AVX2"));
        return;
    }
    assert_eq!(check_environment(), Ok(()));
    assert_eq!(InstructionSet::best(Arithmetic::F32), avx2);
    assert_eq!(set_limit(Limit::Avx2), Ok(()));
    assert!(
        set_limit(Limit::Portable).is_err(),
        "one limit for the process"
    );
    // matrix products choose their instructions themselves
    let geometry = Geometry {
        batch: 1,
        in_channels: 7,
        out_channels: 9,
        input: [30, 34],
        kernel: 4,
        stride: 2,
        padding: [1, 1],
    };
    let values = |length: usize| -> Vec<f64> {
        let value = |i: usize| (i * 7 % 23) as f64 - 11.0;
        (0..length).map(value).collect()
    };
    let single = |values: &[f64]| -> Vec<f32> { values.iter().map(|&v| v as f32).collect() };
    let input = values(geometry.input_len());
    let weights = values(geometry.weights());
    let stored = single(&weights);
    let output = filled(geometry.output_len(), |output| {
        im2col::forward(&geometry, &single(&input), stored[..].into(), output)
    });
    let expected = reference::forward(&geometry, &input, &weights);
    assert_eq!(output, single(&expected), "whole numbers are exact");
}

#[test]
fn an_unknown_value_is_an_error() {
    if !is_with("avx9", "an_unknown_value_is_an_error") {
        return;
    }
    let error = check_environment().unwrap_err();
    assert!(
        error.contains(VARIABLE) && error.contains("avx9"),
        "{error}"
    );
    let best = std::panic::catch_unwind(|| InstructionSet::best(Arithmetic::F32));
    assert!(best.is_err());
}

/// A hash (FNV-1a) of the bits of every kernel's results.
fn hash_of_results() -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut add = |values: &[f32]| {
        for byte in values.iter().flat_map(|value| value.to_le_bytes()) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    // both algorithms; every form; few pixels; few output channels
    for ([in_channels, out_channels], side, stride, batch) in [
        ([3, 8], 70, 2, 1),
        ([6, 40], 33, 2, 2),
        ([32, 40], 24, 2, 2),
        ([33, 32], 40, 2, 1),
        ([40, 33], 12, 1, 2),
        ([64, 48], 4, 2, 1),
        ([16, 1], 15, 1, 1),
    ] {
        let g = Geometry {
            batch,
            in_channels,
            out_channels,
            input: [side, side + 1],
            kernel: 4,
            stride,
            padding: [1, 1],
        };
        let input = noise(batch * g.input_len(), 1);
        let weights = noise(g.weights(), 2);
        let gradient = noise(batch * g.output_len(), 3);
        for arithmetic in [Arithmetic::F32, Arithmetic::Bf16] {
            let instructions = InstructionSet::best(arithmetic);
            add(&filled(gradient.len(), |output| {
                convolution::forward(instructions, &g, &input, weights[..].into(), output)
            }));
            add(&filled(input.len(), |to_input| {
                convolution::input_gradient(
                    instructions,
                    &g,
                    &gradient,
                    weights[..].into(),
                    to_input,
                )
            }));
            add(&filled(weights.len(), |to_weights| {
                convolution::weight_gradient(instructions, &g, &input, &gradient, to_weights)
            }));
        }
    }
    let norm = Norm {
        batch: 2,
        parts: 1,
        channels: 5,
        pixels: 77,
        epsilon: 1e-5,
        slope: 0.2,
    };
    let length = norm.batch * norm.channels * norm.pixels;
    let (input, gradient) = (noise(length, 4), noise(length, 5));
    let (gamma, beta) = (noise(norm.channels, 6), noise(norm.channels, 7));
    let statistics = norm_statistics(&norm, &input);
    add(&statistics);
    add(&filled(length, |output| {
        norm_forward(&norm, &input, &statistics, [&gamma, &beta], output)
    }));
    let sums = norm_parameter_gradients(&norm, &input, &statistics, [&gamma, &beta], &gradient);
    add(&sums);
    add(&filled(length, |to_input| {
        let given = (gradient.as_slice(), sums.as_slice());
        norm_input_gradient(&norm, &input, &statistics, [&gamma, &beta], given, to_input)
    }));
    add(&filled(length, |output| tanh(&input, output)));
    let update = Adam {
        lr: 2e-4,
        beta1: 0.5,
        beta2: 0.999,
        epsilon: 1e-8,
        step: 7,
    };
    let (mut parameters, mut first, mut second) = (input, noise(length, 8), vec![0.25; length]);
    assert!(adam(
        &update,
        &mut parameters,
        &gradient,
        &mut first,
        &mut second
    ));
    for values in [&parameters, &first, &second] {
        add(values);
    }
    hash
}

/// Values in [-1, 1] like noise, from integers alone.
fn noise(length: usize, seed: u32) -> Vec<f32> {
    let value = |i: u32| {
        let bits = (i ^ (seed << 24)).wrapping_mul(0x9e37_79b1);
        ((bits ^ (bits >> 15)) % 2001) as f32 / 1000.0 - 1.0
    };
    (0..length as u32).map(value).collect()
}
