//! Empty: the benchmarks are in `benches/`. They have a crate of their own because Criterion enables features of shared
//! dependencies, with which the tests would compile all of these again.
