//! An instruction set as an argument.

use std::str::FromStr;

use crate::inference::int8::kernels::Isa;

/// One that this processor has, by its name.
#[derive(Clone, Copy, Debug)]
pub struct Set(pub Isa);

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let available = Isa::available();
        let names = || available.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
        let found = available.iter().find(|isa| isa.name() == text);
        found.map(|isa| Self(*isa)).ok_or_else(|| format!("this processor has {}", names()))
    }
}
