//! Files of tensors in the formats of safetensors, PyTorch and Keras. They are read as data: no code in them is run.

pub(crate) mod keras_file;
pub(crate) mod pytorch_file;
pub(crate) mod tensor_file;
