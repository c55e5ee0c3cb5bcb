//! A picture's file as the OpenAPI description has it.

use utoipa::ToSchema;

/// The bytes of a picture's file.
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code)] // only for the description; bodies are received and sent as they are
pub struct PictureFile(Vec<u8>);
