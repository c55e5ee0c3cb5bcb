//! A trained generator, as a Python object.

use std::cell::RefCell;
use std::path::PathBuf;

use numpy::{PyArrayDescr, dtype};
use pix2pix::data::Nodata;
use pix2pix::data::picture::Depth;
use pix2pix::model::{built_in, find};
use pix2pix_cli::embedded::Failure;
use pix2pix_runtime::picture::Domain;
use pix2pix_runtime::{NormStatistics, Scale, Tiling, TranslateOptions, Translator};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyType;

use crate::failure::{Error, named};
use crate::picture::{from_array, to_array};
use crate::whole::Whole;

/// A trained generator. Several threads may use it at the same time, and processes that are forked. A process that starts anew
/// may be given it: it then reads the same checkpoint again, which must still be there.
///
/// ``path`` is a checkpoint file (.safetensors), a run or its folder to load its newest checkpoint, or ``"earth"``, the
/// built-in model. Raises ``pix2pix.Error`` if there is no checkpoint or it is damaged.
///
/// ``generator(picture, *, dropout=True, seed=0, scale="native", tile=None, overlap=None, norm_stats="tile")`` translates a
/// picture of any size from 16 pixels a side.
///
/// ``picture`` is an array of uint8, uint16 or float32 with the shape ``(height, width, channels)``, or ``(height, width)``
/// for one channel. Black and white are 0 and the largest value for uint8 and uint16, and 0 and 1 for float32, unless the
/// model was trained with another range for this type. The result has the shape ``(height, width, channels)``, with the
/// channels and the type of the model's targets. With ``dropout``, as in the paper, another ``seed`` gives a different output.
/// With ``scale="train"`` the picture is resized as the training pictures were, and the result is resized back; imported models
/// do not know how they were, and refuse it.
/// ``tile``, ``overlap`` and ``norm_stats`` are the options of ``pix2pix translate`` for large pictures: the side of the
/// tiles that it is cut into (None for 1024 where there are more than 2 million pixels, 0 for no tiles), their
/// overlap (None for a quarter), and whose statistics normalize a tile ("tile", "image" or "frozen"). Ctrl-C ends it before
/// the next tile.
/// Raises ``ValueError`` if the model does not accept the picture, if the picture has values of another type or masked
/// ones, or if an option is out of its range.
#[pyclass(frozen, module = "pix2pix")]
pub struct Generator {
    translator: Translator,
    /// The checkpoint that it was read from.
    path: PathBuf,
}

#[pymethods]
impl Generator {
    #[new]
    fn new(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let loaded = py.detach(|| match built_in::bytes(&path) {
            Some(bytes) => {
                let translator = Translator::parse(bytes, &path)?;
                Ok((translator, PathBuf::from(built_in::NAME)))
            }
            None => {
                let path = find(&path)?;
                Ok((Translator::load(&path)?, path))
            }
        });
        let loaded: Result<_, pix2pix::Error> = loaded;
        let (translator, path) = loaded.map_err(|e| Error::new_err(e.to_string()))?;
        // a process may have another working folder
        let path = match built_in::is_named(&path) {
            true => path,
            false => std::path::absolute(&path)?,
        };
        Ok(Self { translator, path })
    }

    /// A copy, in this process or another, is read from the same file.
    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> (Bound<'py, PyType>, (PathBuf,)) {
        (slf.get_type(), (slf.get().path.clone(),))
    }

    // Python shows no text of this function: the class has it
    #[pyo3(signature = (picture, *, dropout = true, seed = Whole::Number(0), scale = "native", tile = None, overlap = None, norm_stats = "tile"))]
    #[allow(clippy::too_many_arguments)] // keyword arguments
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        picture: &Bound<'py, PyAny>,
        dropout: bool,
        seed: Whole,
        scale: &str,
        tile: Option<Whole>,
        overlap: Option<Whole>,
        norm_stats: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        let picture = from_array(picture)?;
        let statistics: NormStatistics = norm_stats
            .parse()
            .map_err(|e| PyValueError::new_err(format!("norm_stats: {e}")))?;
        let scale: Scale = scale
            .parse()
            .map_err(|e| PyValueError::new_err(format!("scale: {e}")))?;
        let refused = |e| PyValueError::new_err(named(&Failure::from(e).message()));
        let tiling = Tiling::of(side("tile", tile)?, side("overlap", overlap)?);
        let options = TranslateOptions {
            dropout,
            seed: seed.of("seed", u64::MAX)?,
            scale,
            tiling: tiling.map_err(refused)?,
            statistics,
            ..TranslateOptions::default()
        };
        // release the interpreter lock: other Python threads run during the translation
        let (translated, raised) = py.detach(|| {
            let raised = RefCell::new(None);
            let go_on = || {
                Python::attach(|py| py.check_signals()).map_err(|reason| {
                    let failed = pix2pix_runtime::Error::Failed(reason.to_string());
                    raised.replace(Some(reason));
                    failed
                })
            };
            let translated = self.translator.translate_while(picture, &options, &go_on);
            (translated, raised.into_inner())
        });
        match raised {
            Some(raised) => Err(raised),
            None => to_array(py, translated.map_err(refused)?),
        }
    }

    /// Height and width of the pictures that it was trained on, as in the shape of an array.
    #[getter]
    fn size(&self) -> (u32, u32) {
        let [width, height] = self.translator.model.size().0;
        (height, width)
    }

    /// Number of channels of the input pictures.
    #[getter]
    fn source_channels(&self) -> usize {
        self.translator.model.source.channels
    }

    /// Number of channels of the output pictures.
    #[getter]
    fn target_channels(&self) -> usize {
        self.translator.model.target.channels
    }

    /// Type of the input pictures' samples that it was trained on.
    #[getter]
    fn source_dtype<'py>(&self, py: Python<'py>) -> Bound<'py, PyArrayDescr> {
        dtype_of(py, &self.translator.model.source)
    }

    /// Type of the output pictures' samples.
    #[getter]
    fn target_dtype<'py>(&self, py: Python<'py>) -> Bound<'py, PyArrayDescr> {
        dtype_of(py, &self.translator.model.target)
    }

    /// Black and white in the input pictures: one pair for all channels, or one for each.
    #[getter]
    fn source_ranges(&self) -> Vec<(f32, f32)> {
        ranges(&self.translator.model.source)
    }

    /// Black and white in the output pictures: one pair for all channels, or one for each.
    #[getter]
    fn target_ranges(&self) -> Vec<(f32, f32)> {
        ranges(&self.translator.model.target)
    }

    /// Names and colors of the classes, if the input pictures are label maps.
    #[getter]
    fn source_classes(&self) -> Option<Classes> {
        classes(&self.translator.model.source)
    }

    /// Names and colors of the classes, if the output pictures are label maps.
    #[getter]
    fn target_classes(&self) -> Option<Classes> {
        classes(&self.translator.model.target)
    }

    /// The value of pixels without data in the input pictures, or "tag" for the one that each file names; None if all have data.
    #[getter]
    fn source_nodata(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        nodata(py, &self.translator.model.source)
    }

    /// The value of pixels without data in the output pictures, or "tag" for that of the input; None if all have data.
    #[getter]
    fn target_nodata(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        nodata(py, &self.translator.model.target)
    }

    /// Number of training steps done; 0 for imported weights.
    #[getter]
    fn step(&self) -> u64 {
        self.translator.step
    }

    fn __repr__(&self) -> String {
        let model = &self.translator.model;
        format!(
            "<pix2pix.Generator from {} to {}, step {}>",
            model.source, model.target, self.translator.step
        )
    }
}

/// The name and the color of each class.
type Classes = Vec<(String, (u8, u8, u8))>;

fn dtype_of<'py>(py: Python<'py>, domain: &Domain) -> Bound<'py, PyArrayDescr> {
    match domain.depth {
        Depth::U8 => dtype::<u8>(py),
        Depth::U16 => dtype::<u16>(py),
        Depth::F32 => dtype::<f32>(py),
    }
}

fn ranges(domain: &Domain) -> Vec<(f32, f32)> {
    let ranges = domain.range.listed().iter();
    ranges.map(|&[low, high]| (low, high)).collect()
}

fn classes(domain: &Domain) -> Option<Classes> {
    let labels = domain.labels.as_ref()?;
    let classes = labels.classes.iter().enumerate();
    let classes = classes.map(|(index, class)| (labels.name(index), class.color.into()));
    Some(classes.collect())
}

fn nodata(py: Python<'_>, domain: &Domain) -> PyResult<Option<Py<PyAny>>> {
    let value = domain.nodata.map(|nodata| match nodata {
        Nodata::Value(value) => value.into_py_any(py),
        Nodata::Tag => "tag".into_py_any(py),
    });
    value.transpose()
}

fn side(name: &str, given: Option<Whole>) -> PyResult<Option<u32>> {
    given.map(|whole| whole.of(name, u32::MAX)).transpose()
}
