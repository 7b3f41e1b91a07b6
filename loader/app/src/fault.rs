//! How a caller learns that the instance it called has died, by a value of the function's own type.

use bailiwick_runtime_abi::wit::{Function, Kind, Type, World};

/// The value of a function's result that says that the callee died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultValue {
    /// `err`, with nothing in it: `result<T>`.
    Bare,
    /// `err` of a text: `result<T, string>`.
    Text,
    /// `err` of the case of that number of an enumeration: one called `fault`.
    EnumCase(u32),
    /// `err` of the case of that number of a variant: one called `fault`, with nothing in it.
    VariantCase(u32),
    /// The same with a text in it.
    VariantText(u32),
}

/// The name of the case.
const FAULT: &str = "fault";

impl FaultValue {
    /// The value for a function of a world, if its type has one.
    pub fn of(world: &World, function: &Function) -> Option<FaultValue> {
        let types = world.types();
        let Some(Kind::Result { err, .. }) = types.kind(function.result?) else { return None };
        let Some(err) = err else { return Some(FaultValue::Bare) };
        if *err == Type::String {
            return Some(FaultValue::Text);
        }
        match types.kind(*err)? {
            Kind::Enum(cases) => cases.iter().position(|case| case == FAULT).map(|i| FaultValue::EnumCase(i as u32)),
            Kind::Variant(cases) => {
                let (i, case) = cases.iter().enumerate().find(|(_, case)| case.name == FAULT)?;
                match case.ty {
                    None => Some(FaultValue::VariantCase(i as u32)),
                    Some(Type::String) => Some(FaultValue::VariantText(i as u32)),
                    Some(_) => None,
                }
            }
            _ => None,
        }
    }
}
