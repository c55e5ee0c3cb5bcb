//! A model summary in Keras' format.

use std::fmt::Write;

use pix2pix_runtime::network::LayerGraph;

use crate::text_table::headed;

/// The table: layer (type), output shape, parameters, connected to; then the totals.
pub fn table(graph: &LayerGraph) -> String {
    let headers = ["Layer (type)", "Output shape", "Param #", "Connected to"];
    let rows: Vec<[String; 4]> = graph
        .layers
        .iter()
        .map(|layer| {
            let inputs: Vec<&str> = layer
                .inputs
                .iter()
                .map(|&input| graph.layers[input].name.as_str())
                .collect();
            [
                format!("{} ({})", layer.name, layer.op.name()),
                shape(layer.output),
                thousands(layer.trainable + layer.non_trainable),
                if inputs.is_empty() {
                    "-".to_string()
                } else {
                    inputs.join(", ")
                },
            ]
        })
        .collect();
    let mut text = format!("Model: \"{}\"\n", graph.name);
    text.push_str(&headed(&headers, &rows, &[2]));
    let (trainable, non_trainable) = (graph.trainable(), graph.non_trainable());
    for (what, count) in [
        ("Total", trainable + non_trainable),
        ("Trainable", trainable),
        ("Non-trainable", non_trainable),
    ] {
        let size = bytes(count * size_of::<f32>());
        writeln!(text, "{what} params: {} ({size})", thousands(count)).expect("memory");
    }
    text
}

/// A shape in Keras' notation, with an open batch dimension: `(None, 64, 128, 128)`.
pub fn shape([channels, height, width]: [usize; 3]) -> String {
    format!("(None, {channels}, {height}, {width})")
}

/// 54429315 as `54,429,315`.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount of memory in megabytes (10^6 bytes) or gigabytes.
pub fn memory(bytes: u64) -> String {
    match bytes {
        0..1_000_000_000 => format!("{:.2} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// A number of bytes in the unit that suits it, as Keras prints them: a KB has 1024 of them.
fn bytes(count: usize) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{:.2} KB", count as f64 / 1024.0),
        1_048_576..1_073_741_824 => format!("{:.2} MB", count as f64 / 1_048_576.0),
        _ => format!("{:.2} GB", count as f64 / 1_073_741_824.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(54_429_315), "54,429,315");
        assert_eq!(bytes(24 << 30), "24.00 GB");
        assert_eq!(bytes(54_429_315 * 4), "207.63 MB"); // what Keras prints for the tutorial's U-Net
    }
}
