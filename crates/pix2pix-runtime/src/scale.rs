//! The scale of pictures: a training may have resized its own, and the network knows things at the size that they had then.

use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::picture::Size;

/// The scale at which a picture is translated. The result always has the picture's size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Its own.
    #[default]
    Native,
    /// That of the training: it is resized by the same factors as the training pictures were, and the result is resized back.
    Train,
}

choices!(Scale, "scale",
    Native: "native", "That of the pictures themselves";
    Train: "train", "That of the training: resize them as it did, and the results back";
);

/// What a training made of the size of its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainingScale {
    /// Median size of the training pictures.
    pub from: Size,
    /// Size at which the networks know a picture of that size. The same, if nothing was resized.
    pub to: Size,
}

impl TrainingScale {
    /// Size at which the networks know things of a picture of `size`: resized by the factors of the training, those of both sides.
    pub fn of(self, size: [u32; 2]) -> [u32; 2] {
        let [from, to] = [self.from, self.to].map(|size| size.0.map(u64::from));
        [0, 1].map(|axis| {
            let exact = u64::from(size[axis]) * to[axis];
            let rounded = (exact + from[axis] / 2) / from[axis].max(1);
            u32::try_from(rounded.max(1)).unwrap_or(u32::MAX)
        })
    }

    /// What to say of a picture of `size` that is translated at its own scale, if that is another one than the training's. One
    /// of the size that the networks know is taken for one that has been resized already.
    pub fn unlike(self, size: [u32; 2]) -> Option<String> {
        let [from, to] = [self.from.0, self.to.0];
        if is_alike(from, to) || is_alike(size, to) {
            return None;
        }
        let grows = [0, 1].map(|axis| from[axis] <= to[axis]);
        let resized = match grows {
            [false, false] => "shrunk",
            [true, true] => "enlarged",
            _ => "resized",
        };
        let shown = |[width, height]: [u32; 2]| format!("{width}x{height}");
        Some(format!(
            "the model was trained on pictures {resized} from about {} to about {} pixels",
            shown(from),
            shown(to)
        ))
    }
}

/// Whether things in pictures of these sizes, of the same content, differ in size by half at most.
pub fn is_alike(one: [u32; 2], other: [u32; 2]) -> bool {
    one.into_iter().zip(other).all(|(one, other)| {
        let [least, most] = [one.min(other), one.max(other)].map(u64::from);
        2 * most <= 3 * least
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(from: [u32; 2], to: [u32; 2]) -> TrainingScale {
        TrainingScale {
            from: Size(from),
            to: Size(to),
        }
    }

    #[test]
    fn pictures_are_resized_by_the_factors_of_the_training() {
        let squashed = scale([1200, 800], [256, 256]);
        for (size, expected) in [
            ([1200, 800], [256, 256]),
            ([2400, 1600], [512, 512]),
            ([600, 1600], [128, 512]),
            ([1, 1], [1, 1]),
        ] {
            assert_eq!(squashed.of(size), expected, "{size:?}");
        }
        assert_eq!(scale([300, 300], [300, 300]).of([77, 5]), [77, 5]);
        assert_eq!(
            scale([1, 1], [16384, 16384]).of([u32::MAX; 2]),
            [u32::MAX; 2]
        );
    }

    #[test]
    fn another_scale_is_told_of_pictures_that_have_it() {
        let told = |from, to, size| scale(from, to).unlike(size);
        assert_eq!(
            told([1200, 800], [256, 256], [1200, 800]).unwrap(),
            "the model was trained on pictures shrunk from about 1200x800 to about 256x256 pixels"
        );
        let enlarged = told([100, 100], [256, 256], [100, 100]).unwrap();
        assert!(
            enlarged.contains("enlarged from about 100x100"),
            "{enlarged}"
        );
        let both = told([1000, 200], [256, 256], [1000, 200]).unwrap();
        assert!(both.contains("resized from about 1000x200"), "{both}");
        // one side alone is enough
        assert!(told([400, 256], [256, 256], [400, 256]).is_some());
        // half as large again, and what has been resized before
        assert_eq!(told([384, 384], [256, 256], [384, 384]), None);
        assert!(told([385, 385], [256, 256], [385, 385]).is_some());
        assert_eq!(told([1200, 800], [256, 256], [256, 256]), None);
        assert_eq!(told([1200, 800], [1200, 800], [64, 64]), None);
    }
}
