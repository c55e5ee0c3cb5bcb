//! Checks that all processes of a group agree: on options and data before the first step, and on weights during
//! training.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::Tensor;
use sha2::{Digest, Sha256};

use crate::config::RunConfig;
use crate::data::dataset::survey::Survey;
use crate::error::{Error, Result};
use crate::parallel::Communicator;

/// Whether `own` is true in any process of the group. Every process must call this.
pub fn any(group: &dyn Communicator, own: bool) -> bool {
    let all = group.all_gather(&[u8::from(own)]);
    all.iter().any(|asked| asked == &[1])
}

/// The value of rank 0. Every process must call this.
pub fn of_root(group: &dyn Communicator, own: f64) -> f64 {
    let all = group.all_gather(&own.to_le_bytes());
    f64::from_le_bytes(all[0].as_slice().try_into().expect("eight bytes"))
}

/// Checks that all processes have the same options and data set as rank 0. Every process must call this.
///
/// # Errors
/// Names the first option that differs; the same error in all processes.
pub fn check_options(group: &dyn Communicator, config: &RunConfig, data: &Survey) -> Result<()> {
    let own = options(config, data);
    let own = serde_json::to_vec(&own).expect("plain data");
    let all = group.all_gather(&own);
    let read = |bytes: &Vec<u8>| -> Vec<[String; 2]> {
        serde_json::from_slice(bytes).expect("written by the same program")
    };
    let first = read(&all[0]);
    for (rank, bytes) in all.iter().enumerate().skip(1) {
        let other = read(bytes);
        let differs = first.iter().zip(&other).find(|(a, b)| a != b);
        if let Some(([name, a], [_, b])) = differs {
            return Err(Error::Config(format!(
                "rank 0 and rank {rank} differ in {name}: {a} and {b}; start all processes with the same program, \
                 options and data"
            )));
        }
    }
    Ok(())
}

/// Names and values of the options that must be equal in all processes. The path of the data set, the device and the
/// numbers of threads may differ.
fn options(config: &RunConfig, data: &Survey) -> Vec<[String; 2]> {
    let config = RunConfig {
        data: String::new(),
        device: Default::default(),
        threads: 0,
        workers: 1,
        ..config.clone()
    };
    let mut named = vec![[
        "the program's version".to_string(),
        env!("CARGO_PKG_VERSION").to_string(),
    ]];
    let values = config.values().into_iter();
    named.extend(values.map(|(path, value)| [path, value.to_string()]));
    let sizes = data.sizes.iter();
    let sizes = sizes.map(|([width, height], count)| format!("{count} of {width}x{height}"));
    let sizes = sizes.collect::<Vec<_>>().join(" ");
    named.push(["the data set's pictures".to_string(), sizes]);
    named
}

/// Checks that the weights of all processes are equal, bit for bit. Running statistics are not compared, because each
/// process has its own unless they are synchronized. Every process must call this.
///
/// # Errors
/// A message that names the first rank whose weights differ; the same in all processes.
pub fn check_weights<A: Module, B: Module>(
    group: &dyn Communicator,
    generator: &A,
    discriminator: &B,
) -> std::result::Result<(), String> {
    let mut digest = Digester(Sha256::new());
    generator.visit(&mut digest);
    discriminator.visit(&mut digest);
    let all = group.all_gather(&digest.0.finalize());
    let other = all.iter().position(|digest| *digest != all[0]);
    other.map_or(Ok(()), |rank| {
        Err(format!(
            "the weights of rank {rank} differ from those of rank 0"
        ))
    })
}

struct Digester(Sha256);

impl ModuleVisitor for Digester {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if param.is_require_grad() {
            self.0.update(param.val().into_data().as_bytes());
        }
    }
}
