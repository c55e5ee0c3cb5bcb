//! Builds an ONNX graph from operations and constants.

use half::f16;

use super::proto::{
    Attribute, AttributeType, DataType, Dimension, Graph, Model, Node, OperatorSet, Property, Side,
    Tensor, TensorShape, TensorType, Type, ValueInfo,
};

/// A graph under construction. The output of the operation `NAME` is called `NAME:0`.
pub struct Builder {
    graph: Graph,
    /// Type of the network's arithmetic: `Float` or `Float16`.
    arithmetic: DataType,
    /// The first constant with a value that the arithmetic has not, as it is infinite there.
    too_large: Option<String>,
}

/// An attribute with a floating-point number.
pub fn float(name: &str, value: f32) -> Attribute {
    Attribute {
        name: name.to_string(),
        f: Some(value),
        r#type: AttributeType::Float.into(),
        ..Attribute::default()
    }
}

/// An attribute with an integer.
pub fn int(name: &str, value: i64) -> Attribute {
    Attribute {
        name: name.to_string(),
        i: Some(value),
        r#type: AttributeType::Int.into(),
        ..Attribute::default()
    }
}

/// An attribute with a list of integers.
pub fn ints(name: &str, values: &[i64]) -> Attribute {
    Attribute {
        name: name.to_string(),
        ints: values.to_vec(),
        r#type: AttributeType::Ints.into(),
        ..Attribute::default()
    }
}

/// An attribute with a string.
pub fn text(name: &str, value: &str) -> Attribute {
    Attribute {
        name: name.to_string(),
        s: Some(value.as_bytes().to_vec()),
        r#type: AttributeType::String.into(),
        ..Attribute::default()
    }
}

/// The attribute of a cast: the type to cast to.
pub fn to(data_type: DataType) -> Attribute {
    int("to", i64::from(i32::from(data_type)))
}

impl Builder {
    /// An empty graph.
    pub fn new(arithmetic: DataType) -> Self {
        Self {
            graph: Graph {
                name: "generator".to_string(),
                ..Graph::default()
            },
            arithmetic,
            too_large: None,
        }
    }

    /// The name of the first constant with a value that is infinite in the type of the arithmetic.
    pub fn too_large(&self) -> Option<&str> {
        self.too_large.as_deref()
    }

    /// Adds an operation and returns the name of its output.
    pub fn node(
        &mut self,
        op: &str,
        name: &str,
        inputs: &[&str],
        attribute: Vec<Attribute>,
    ) -> String {
        self.graph.node.push(Node {
            input: inputs.iter().map(ToString::to_string).collect(),
            output: vec![format!("{name}:0")],
            name: name.to_string(),
            op_type: op.to_string(),
            attribute,
        });
        format!("{name}:0")
    }

    /// Renames the output of the newest operation.
    pub fn rename(&mut self, value: &str, name: &str) {
        let newest = self.graph.node.last_mut().expect("an operation was added");
        assert_eq!(newest.output, [value], "the newest value is renamed");
        newest.output = vec![name.to_string()];
    }

    /// Adds a constant in the type of the arithmetic.
    pub fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        match self.arithmetic {
            DataType::Float16 => {
                let halves: Vec<f16> = values.iter().map(|&value| f16::from_f32(value)).collect();
                if !halves.iter().all(|half| half.is_finite()) {
                    self.too_large.get_or_insert_with(|| name.to_string());
                }
                let bytes = halves.iter().flat_map(|half| half.to_le_bytes());
                self.constant(name, shape, DataType::Float16, bytes.collect())
            }
            _ => self.floats_32(name, shape, values),
        }
    }

    /// Adds a constant in 32 bits.
    pub fn floats_32(&mut self, name: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.constant(name, shape, DataType::Float, bytes.collect())
    }

    /// Adds a constant list of integers.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes());
        self.constant(name, &[values.len()], DataType::Int64, bytes.collect())
    }

    /// Adds a constant.
    pub fn constant(
        &mut self,
        name: &str,
        shape: &[usize],
        data_type: DataType,
        bytes: Vec<u8>,
    ) -> String {
        self.graph.initializer.push(Tensor {
            dims: shape.iter().map(|&side| side as i64).collect(),
            data_type: data_type.into(),
            name: name.to_string(),
            raw_data: Some(bytes),
        });
        name.to_string()
    }

    /// Casts a 32-bit value to the type of the arithmetic.
    pub fn in_arithmetic(&mut self, name: &str, value: String) -> String {
        match self.arithmetic {
            DataType::Float16 => self.node("Cast", name, &[&value], vec![to(DataType::Float16)]),
            _ => value,
        }
    }

    /// Casts a value of the arithmetic's type to 32 bits.
    pub fn in_32_bits(&mut self, name: &str, value: String) -> String {
        match self.arithmetic {
            DataType::Float16 => self.node("Cast", name, &[&value], vec![to(DataType::Float)]),
            _ => value,
        }
    }

    /// Adds an instance norm over `channels` channels, without scale and shift.
    pub fn by_own_statistics(
        &mut self,
        name: &str,
        x: &str,
        channels: usize,
        epsilon: f64,
    ) -> String {
        let ones = self.floats(&format!("{name}.ones"), &[channels], &vec![1.0; channels]);
        let zeros = self.floats(&format!("{name}.zeros"), &[channels], &vec![0.0; channels]);
        let attributes = vec![float("epsilon", epsilon as f32)];
        self.node(
            "InstanceNormalization",
            name,
            &[x, &ones, &zeros],
            attributes,
        )
    }

    /// Adds dropout: sets values to 0 with probability `rate`, and divides the others by 1 - `rate`. Every run has new
    /// random numbers.
    pub fn dropout(&mut self, name: &str, x: &str, rate: f32) -> String {
        let part = |part: &str| format!("{name}.{part}");
        // random numbers in 32 bits: not every runtime supports them in 16
        let attributes = vec![int("dtype", i64::from(i32::from(DataType::Float)))];
        let random = self.node("RandomUniformLike", &part("random"), &[x], attributes);
        let limit = self.floats_32(&part("rate"), &[], &[rate]);
        let kept = self.node("GreaterOrEqual", &part("kept"), &[&random, &limit], vec![]);
        let kept = self.node("Cast", &part("mask"), &[&kept], vec![to(self.arithmetic)]);
        let scale = self.floats(&part("scale"), &[], &[1.0 / (1.0 - rate)]);
        let mask = self.node("Mul", &part("scaled_mask"), &[&kept, &scale], vec![]);
        self.node("Mul", name, &[x, &mask], vec![])
    }

    /// Declares an input.
    pub fn input(&mut self, name: &str, data_type: DataType, shape: &[Side; 4]) {
        self.graph.input.push(declared(name, data_type, shape));
    }

    /// Declares an output.
    pub fn output(&mut self, name: &str, data_type: DataType, shape: &[Side; 4]) {
        self.graph.output.push(declared(name, data_type, shape));
    }

    /// Returns the complete file.
    pub fn finish(self, ir_version: i64, opset: i64, properties: &[(&str, String)]) -> Model {
        let properties = properties.iter().map(|(key, value)| Property {
            key: key.to_string(),
            value: value.clone(),
        });
        Model {
            ir_version,
            producer_name: "pix2pix".to_string(),
            producer_version: env!("CARGO_PKG_VERSION").to_string(),
            graph: Some(self.graph),
            opset_import: vec![OperatorSet {
                domain: Some(String::new()),
                version: Some(opset),
            }],
            metadata_props: properties.collect(),
        }
    }
}

fn declared(name: &str, data_type: DataType, shape: &[Side; 4]) -> ValueInfo {
    let dim = shape.iter().map(|side| Dimension {
        value: Some(side.clone()),
    });
    ValueInfo {
        name: name.to_string(),
        r#type: Some(Type {
            tensor_type: Some(TensorType {
                elem_type: data_type.into(),
                shape: Some(TensorShape { dim: dim.collect() }),
            }),
        }),
    }
}
