//! Operations that convert a picture's sample values to the network's values and back.

use pix2pix_runtime::picture::labels::Stored;
use pix2pix_runtime::picture::{Domain, Labels};

use super::builder::{Builder, int, ints, to};
use super::proto::{DataType, Side};
use crate::data::picture::Depth;

fn data_type(depth: Depth) -> DataType {
    match depth {
        Depth::U8 => DataType::Uint8,
        Depth::U16 => DataType::Uint16,
        Depth::F32 => DataType::Float,
    }
}

/// The shape with interleaved channels (channels last), as pictures are stored.
fn channels_last([batch, channels, height, width]: [Side; 4]) -> [Side; 4] {
    [batch, height, width, channels]
}

/// Lower ends and half widths of a domain's ranges: one for all channels, or one for each. They are the last dimension.
fn bounds(builder: &mut Builder, name: &str, domain: &Domain) -> [String; 2] {
    let ranges = domain.range.listed();
    let shape: &[usize] = if ranges.len() == 1 {
        &[]
    } else {
        &[ranges.len()]
    };
    let lows: Vec<f32> = ranges.iter().map(|[low, _]| *low).collect();
    let halves = ranges.iter().map(|[low, high]| (high - low) / 2.0);
    let halves: Vec<f32> = halves.collect();
    [
        builder.floats_32(&format!("{name}.low"), shape, &lows),
        builder.floats_32(&format!("{name}.half_range"), shape, &halves),
    ]
}

/// Declares an input of label maps; returns its one-hot classes with the channels first. A pixel of no class is 0 in all.
fn begin_labels(builder: &mut Builder, name: &str, labels: &Labels, shape: [Side; 4]) -> String {
    builder.input(name, DataType::Uint8, &channels_last(shape));
    let x = builder.node("Cast", "input.cast", &[name], vec![to(DataType::Float)]);
    // the number that stands for a color; 32-bit floats are exact up to 2^24
    let x = match labels.stored {
        Stored::Ids | Stored::Grays => x,
        Stored::Colors => {
            let places = builder.floats_32("input.places", &[3, 1], &[65536.0, 256.0, 1.0]);
            builder.node("MatMul", "input.joined", &[&x, &places], vec![])
        }
    };
    let codes: Vec<f32> = labels.codes().map(|code| code as f32).collect();
    let codes = builder.floats_32("input.classes", &[codes.len()], &codes);
    let x = builder.node("Equal", "input.is_class", &[&x, &codes], vec![]);
    let x = builder.node("Cast", "input.one_hot", &[&x], vec![to(DataType::Float)]);
    let order = vec![ints("perm", &[0, 3, 1, 2])];
    builder.node("Transpose", "input.planes", &[&x], order)
}

/// Converts `last`, a value for each class with the channels first, to a picture of the classes with the largest values.
fn end_labels(builder: &mut Builder, last: &str, labels: &Labels) -> String {
    let attributes = vec![int("axis", 1), int("keepdims", 0)];
    let x = builder.node("ArgMax", "output.class", &[last], attributes);
    let classes = 0..labels.classes.len();
    let row = labels.picture([classes.len() as u32, 1], classes.map(|class| class as u8));
    let shape = [labels.classes.len(), labels.channels()];
    let stored = builder.constant(
        "output.classes",
        &shape,
        DataType::Uint8,
        row.bytes().to_vec(),
    );
    builder.node(
        "Gather",
        "output.picture",
        &[&stored, &x],
        vec![int("axis", 0)],
    )
}

/// Declares an input picture; returns it in \[-1, 1\] with the channels first.
pub fn begin(builder: &mut Builder, name: &str, domain: &Domain, shape: [Side; 4]) -> String {
    if let Some(labels) = &domain.labels {
        return begin_labels(builder, name, labels, shape);
    }
    builder.input(name, data_type(domain.depth), &channels_last(shape));
    let x = builder.node("Cast", "input.cast", &[name], vec![to(DataType::Float)]);
    let [low, half] = bounds(builder, "input", domain);
    let one = builder.floats_32("input.one", &[], &[1.0]);
    let x = builder.node("Sub", "input.from_zero", &[&x, &low], vec![]);
    let x = builder.node("Div", "input.scaled", &[&x, &half], vec![]);
    let x = builder.node("Sub", "input.centered", &[&x, &one], vec![]);
    let minus_one = builder.floats_32("input.minus_one", &[], &[-1.0]);
    let x = builder.node("Clip", "input.clipped", &[&x, &minus_one, &one], vec![]);
    let order = vec![ints("perm", &[0, 3, 1, 2])];
    builder.node("Transpose", "input.planes", &[&x], order)
}

/// Converts `last`, in \[-1, 1\] with the channels first, to a picture, and declares it as output.
pub fn end(builder: &mut Builder, last: &str, name: &str, domain: &Domain, shape: [Side; 4]) {
    if let Some(labels) = &domain.labels {
        let x = end_labels(builder, last, labels);
        builder.rename(&x, name);
        builder.output(name, DataType::Uint8, &channels_last(shape));
        return;
    }
    let order = vec![ints("perm", &[0, 2, 3, 1])];
    let x = builder.node("Transpose", "output.pixels", &[last], order);
    let one = builder.floats_32("output.one", &[], &[1.0]);
    let [low, half] = bounds(builder, "output", domain);
    let x = builder.node("Add", "output.from_zero", &[&x, &one], vec![]);
    let x = builder.node("Mul", "output.scaled", &[&x, &half], vec![]);
    let mut x = builder.node("Add", "output.values", &[&x, &low], vec![]);
    if domain.depth != Depth::F32 {
        let [least, most] = domain.depth.range();
        x = builder.node("Round", "output.rounded", &[&x], vec![]);
        let least = builder.floats_32("output.least", &[], &[least]);
        let most = builder.floats_32("output.most", &[], &[most]);
        x = builder.node("Clip", "output.clipped", &[&x, &least, &most], vec![]);
        let attributes = vec![to(data_type(domain.depth))];
        x = builder.node("Cast", "output.cast", &[&x], attributes);
    }
    builder.rename(&x, name);
    builder.output(name, data_type(domain.depth), &channels_last(shape));
}
