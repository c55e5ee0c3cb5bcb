//! The pictures of the gallery.

use std::borrow::Cow;
use std::path::Path;

use pix2pix::data::picture::Picture;
use pix2pix::data::{Domain, nodata, pair};
use pix2pix::report::{Gallery, PictureScores};
use pix2pix::{Error, Translator};

use crate::paths::Plain;

/// The gallery, and the name of a picture in it.
pub struct Shown<'a> {
    /// The gallery.
    pub gallery: &'a mut Gallery,
    /// The picture's name.
    pub name: &'a Path,
}

/// The target of a picture, as its file has it.
pub struct Wanted {
    /// The target.
    pub picture: Picture,
    /// The value that the file names for pixels without data.
    pub tag: Option<f32>,
    /// Whether the file keeps values exactly.
    pub is_exact: bool,
}

impl Shown<'_> {
    /// Adds a translated picture, with its target and scores if it is half of a pair. As in `evaluate`, pixels without data on
    /// either side do not count. Returns what to say of a target that is none of the model's: it is left out, as scores
    /// against it would be of other classes or values.
    pub fn add(
        self,
        translator: &Translator,
        [source, output]: [&Picture; 2],
        wanted: Option<Wanted>,
    ) -> String {
        let (name, config) = (self.name.display().to_string(), &translator.config);
        let Some(wanted) = wanted else {
            self.gallery.add(&name, [source, output], None, None);
            return String::new();
        };
        let domain = &config.target;
        let domains = [&config.source, domain];
        let mask = pair::known([source, &wanted.picture], domains, wanted.tag);
        let wanted = match comparable(domain, wanted, mask.as_ref()) {
            Ok(wanted) => wanted,
            Err(reason) => {
                self.gallery.add(&name, [source, output], None, None);
                let name = self.name.plain();
                return format!(
                    "  note: {name} has no scores in the gallery, because of its target: {reason}\n"
                );
            }
        };
        // without data, both are the middle of their range
        let output = match &mask {
            Some(mask) => Cow::Owned(domain.filled(output, mask)),
            None => Cow::Borrowed(output),
        };
        let known = mask.as_ref().map(Picture::bytes);
        let has_data = mask.as_ref().is_none_or(nodata::has_data);
        let scores = has_data.then(|| PictureScores::of(&name, [&output, &wanted], domain, known));
        self.gallery
            .add(&name, [source, &output], Some(&wanted), scores.as_ref());
        String::new()
    }
}

/// The target as the model's outputs are, filled where the mask has no data. Label maps in color are read by the classes'
/// colors, as sources are.
///
/// # Errors
/// When it has values of no class, or most lie outside of the range, or its channels cannot be converted.
fn comparable(domain: &Domain, wanted: Wanted, mask: Option<&Picture>) -> Result<Picture, Error> {
    let filled = |picture: Picture| match mask {
        Some(mask) => domain.filled(&picture, mask),
        None => picture,
    };
    let Wanted {
        picture, is_exact, ..
    } = wanted;
    let picture = filled(domain.in_channels(picture)?);
    let Some(labels) = &domain.labels else {
        domain.check_values(domain.outside(&picture), picture.depth())?;
        return Ok(picture);
    };
    match is_exact {
        true => labels.check(&picture)?,
        false => domain.check_values(domain.outside(&picture), picture.depth())?,
    }
    let classes = labels.classes_of(&picture).into_iter();
    Ok(labels.picture(picture.size(), classes))
}
