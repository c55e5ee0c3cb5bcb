//! Files of tensors in the formats of safetensors, PyTorch and Keras. They are read as data: no code in them is run.

#[cfg(feature = "import")]
pub(crate) mod keras_file;
pub(crate) mod pytorch_file;
#[cfg(any(feature = "import", feature = "download"))]
pub(crate) mod pytorch_read;
pub(crate) mod tensor_file;
