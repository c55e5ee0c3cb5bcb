//! Compiles the matrix products for NVIDIA's cards, without one.

use std::ffi::CStr;
use std::sync::Arc;

use burn::cubecl::Compiler;
use burn::cubecl::ir::features::{Features, MmaConfig};
use burn::cubecl::ir::nvidia::SmArch;
use burn::cubecl::ir::{
    AddressType, DeviceIdentity, DeviceProperties, ElemType, FloatKind, HardwareProperties,
    MemoryDeviceProperties,
};
use burn::cubecl::prelude::*;
use burn::cubecl::profile::TimingMethod;
use cubecl_llvm::nvptx::ptx_version::PtxVersion;
use cubecl_llvm::{LlvmTarget, PlironArtifact, PlironCompiler, PlironOptions};
use half::bf16;

use super::implicit_gemm::{SidesCompilationArg, multiply};
use super::tiling::{Cut, Extent, PIECE, PLANE, Product, Units};

/// A card with 132 processors, whose matrix units multiply this form.
fn card(form: Option<(FloatKind, usize)>) -> DeviceProperties {
    let mut features = Features::default();
    if let Some((form, depth)) = form {
        features.matmul.cmma.insert(MmaConfig {
            a_type: ElemType::Float(form),
            b_type: ElemType::Float(form),
            cd_type: ElemType::Float(FloatKind::F32),
            m: PIECE as u32,
            n: PIECE as u32,
            k: depth as u32,
        });
    }
    let hardware = HardwareProperties {
        load_width: 128,
        vector_register_count: None,
        plane_size_min: PLANE as u32,
        plane_size_max: PLANE as u32,
        max_bindings: 32,
        max_shared_memory_size: 48 << 10,
        max_cube_count: (i32::MAX as u32, u32::from(u16::MAX), u32::from(u16::MAX)),
        max_units_per_cube: 1024,
        max_cube_dim: (1024, 1024, 64),
        num_streaming_multiprocessors: Some(132),
        num_tensor_cores: None,
        min_tensor_cores_dim: None,
        num_cpu_cores: None,
        last_level_cache_size: None,
        max_vector_size: VectorSize::MAX,
        cube_mma_reserved_shared_memory: 0,
    };
    let identity = DeviceIdentity {
        name: "none".to_string(),
        fingerprint: "none".to_string(),
        physical: None,
    };
    DeviceProperties::new(
        features,
        MemoryDeviceProperties::new(u64::MAX, 256),
        hardware,
        TimingMethod::Device,
        identity,
    )
}

/// A product of this form in PTX, and the shared memory of a group of threads in bytes.
fn compiled<S: Float>(
    product: Product,
    cut: Cut,
    units: Option<(FloatKind, usize)>,
    arch: u32,
) -> (String, usize) {
    let settings = KernelSettings::new(
        *CubeDim::new_1d(cut.tile.threads() as u32),
        ExecutionMode::Unchecked,
        AddressType::U32,
    );
    let buffer = || BufferCompilationArg { inplace: None };
    let kernel = multiply::Multiply::<S>::new(
        settings,
        Arc::new(card(units)),
        Arc::new(TargetProperties::default()),
        buffer(),
        buffer(),
        buffer(),
        SidesCompilationArg {
            batch: (),
            in_height: (),
            in_width: (),
            in_channels: (),
            out_height: (),
            out_width: (),
            out_channels: (),
            kernel: (),
            stride: (),
            padding: (),
        },
        (),
        (),
        4,
        4,
        product,
        cut.tile,
    );
    let mut compiler = PlironCompiler {
        target: LlvmTarget::Nvptx,
    };
    let options = PlironOptions {
        sm_arch: Some(SmArch::new(arch, false)),
        ptx_version: PtxVersion::for_driver(12080),
        ..Default::default()
    };
    let artifact = compiler.compile(kernel.define(), &options);
    let PlironArtifact::NvptxCode(module) = artifact.expect("it compiles") else {
        unreachable!("the target is PTX");
    };
    // SAFETY: the module's PTX ends with a zero.
    let text = unsafe { CStr::from_ptr(module.ptx.as_ptr()) };
    (
        text.to_string_lossy().into_owned(),
        module.shared_memory_size,
    )
}

/// Every product, tile and form compiles for Ampere and Hopper, multiplies with the instruction that it is meant for, and
/// keeps its sums in registers.
#[test]
fn products_compile_for_cards() {
    let tiles = [(4096, 64), (256, 64), (4096, 16), (16, 64)];
    for arch in [80, 90] {
        for product in [
            Product::Forward,
            Product::InputGradient,
            Product::WeightGradient,
        ] {
            for (m, n) in tiles {
                let extent = Extent {
                    m,
                    n,
                    k: 4096,
                    classes: 1,
                };
                for form in [FloatKind::F32, FloatKind::TF32, FloatKind::BF16] {
                    let depth = match form {
                        FloatKind::TF32 => Some(8),
                        FloatKind::BF16 => Some(16),
                        _ => None,
                    };
                    let units = depth.map_or(Units::Threads, |depth| Units::Matrix { depth });
                    let cut = Cut::of(extent, units, 8);
                    let card = depth.map(|depth| (form, depth));
                    let ((ptx, shared), instruction) = match form {
                        FloatKind::TF32 => (
                            compiled::<tf32>(product, cut, card, arch),
                            "wmma.mma.sync.aligned",
                        ),
                        FloatKind::BF16 => (
                            compiled::<bf16>(product, cut, card, arch),
                            "f32.bf16.bf16.f32",
                        ),
                        _ => (compiled::<f32>(product, cut, card, arch), "fma.rn.f32"),
                    };
                    let name = format!("{form:?} {product:?} {:?} for sm_{arch}", cut.tile);
                    if let Some(folder) = std::env::var_os("PIX2PIX_PTX") {
                        let [m, n] = [cut.tile.m, cut.tile.n];
                        let file = format!("{form:?}-{product:?}-{m}x{n}-{arch}.ptx");
                        std::fs::write(std::path::Path::new(&folder).join(file), &ptx).unwrap();
                    }
                    assert!(ptx.contains(instruction), "{name}:\n{ptx}");
                    assert!(!ptx.contains(".local"), "{name} spills:\n{ptx}");
                    assert!(shared <= 48 << 10, "{name}: {shared} bytes");
                }
            }
        }
    }
}
