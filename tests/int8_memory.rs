//! Nothing is allocated while a network runs: its memory is planned beforehand.

#![allow(unsafe_code, reason = "counts what the system's allocator is asked for")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use spinewatch::inference::int8::kernels::Isa;
use spinewatch::inference::int8::{self, Given, Outside, Program, Runner};
use tract_onnx::prelude::*;

struct Counting;

thread_local! {
    static ASKED: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: hands everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The program of a fixture, if its network is one region and nothing else.
fn program(folder: &Path, isa: Isa) -> Option<Arc<Program>> {
    let onnx_bytes = fs::read(folder.join("model.onnx")).unwrap();
    let mut proto = onnx().proto_model_for_read(&mut onnx_bytes.as_slice()).unwrap();
    int8::to_qdq(&mut proto);
    let mut model = onnx().model_for_proto_model(&proto).unwrap().into_typed().unwrap();
    int8::replace(&mut model, isa, None).unwrap();
    int8::whole(&model).filter(|program| program.inputs.iter().all(|port| port.outside == Outside::Float))
}

#[test]
fn a_second_run_allocates_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/inference/int8");
    let mut seen = 0;
    for case in fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        for isa in Isa::available() {
            let Some(program) = program(&case, isa) else { continue };
            let inputs: Vec<Vec<f32>> =
                program.inputs.iter().map(|port| vec![0.25; port.shape.iter().product()]).collect();
            let given: Vec<Given<'_>> = inputs.iter().map(|input| Given::Reals(input)).collect();
            let mut runner = Runner::new(program);
            runner.run(&given, None);
            let before = ASKED.get();
            runner.run(&given, None);
            let asked = ASKED.get() - before;
            let name = case.file_name().unwrap().to_string_lossy();
            assert_eq!(asked, 0, "{name} {}", isa.name());
            println!("{name} {}: {} bytes of working memory", isa.name(), runner.memory_bytes());
            seen += 1;
        }
    }
    assert!(seen >= 20, "{seen} programs");
}
