//! The benchmark rig.
