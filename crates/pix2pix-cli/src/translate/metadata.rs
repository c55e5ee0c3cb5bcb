//! The metadata of results.

use pix2pix::Translator;
use pix2pix::data::pair::Direction;
use pix2pix::data::picture::Metadata;

/// The metadata of files, with the value of pixels without data that stands for those of all, if there is one.
pub fn with_tag(metadata: Metadata, gap: Option<f32>) -> Metadata {
    match gap {
        None => metadata,
        gap => metadata.with_nodata(gap),
    }
}

/// The metadata of a result: the value of pixels without data is that of the result, not of the input, and none if all
/// pixels have data.
pub fn of_result(translator: &Translator, metadata: Metadata, is_pair: bool) -> Metadata {
    let gap = translator.gap_of_result(metadata.nodata());
    let metadata = metadata.with_nodata(gap);
    match (is_pair, translator.config.direction) {
        (true, Direction::BToA) => metadata.of_right_half(),
        _ => metadata,
    }
}
