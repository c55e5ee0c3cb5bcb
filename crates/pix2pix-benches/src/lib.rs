//! A home for the benchmarks in `benches/`, apart from the other crates: Criterion asks for features of shared
//! dependencies that the program does without, and the tests would have to compile all of them once more.
