//! Places in a function's types, by the numbers that `runtime_abi::edge::places` gives them: how compiled marshalling
//! says where it is.

use super::prepare::{Prepared, Shape, ShapeKind};
use super::{Passing, Way};
use bailiwick_runtime_abi::wit::{Kind, Type, World};

/// A place that was found by its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// In words, as a [`Fault`](super::Fault) has it, but `[…]` for an element of a list: `parameter zip[…].name`, `the
    /// result.ok`; empty for the call as a whole.
    pub text: String,
    /// The handle that crosses here, if it is one.
    pub passing: Option<Passing>,
}

impl Prepared {
    /// The place with this number; `None` if there is none.
    pub fn place(&self, number: u32) -> Option<Place> {
        let mut left = number;
        if left == 0 {
            return Some(Place { text: String::new(), passing: None });
        }
        left -= 1;
        for (i, param) in self.params.iter().enumerate() {
            let parameter = Some(i as u32);
            if let Some(mut found) = find(&self.world, &param.shape, &mut left, (Way::ToCallee, parameter)) {
                found.text.insert_str(0, &format!("parameter {}", self.names[i]));
                return Some(found);
            }
        }
        let mut found = find(&self.world, self.result.as_ref()?, &mut left, (Way::ToCaller, None))?;
        found.text.insert_str(0, "the result");
        Some(found)
    }
}

/// Takes the types of `shape` off `left`; the place at which it would become negative.
fn find(world: &World, shape: &Shape, left: &mut u32, side: (Way, Option<u32>)) -> Option<Place> {
    if *left == 0 {
        let passing = match shape.kind {
            ShapeKind::Handle { ownership, caller, callee } => {
                Some(Passing { way: side.0, ownership, caller, callee, parameter: side.1 })
            }
            _ => None,
        };
        return Some(Place { text: String::new(), passing });
    }
    *left -= 1;
    let mut part = |index: usize, inner: &Shape| {
        let mut found = find(world, inner, left, side)?;
        found.text.insert_str(0, &part_name(world, shape.ty, Some(index)));
        Some(found)
    };
    match &shape.kind {
        ShapeKind::Fields(fields) => fields.iter().enumerate().find_map(|(i, field)| part(i, &field.shape)),
        ShapeKind::Cases { cases, .. } => cases.iter().enumerate().find_map(|(i, payload)| part(i, payload.as_ref()?)),
        ShapeKind::List(element) => {
            let mut found = find(world, element, left, side)?;
            found.text.insert_str(0, &part_name(world, shape.ty, None));
            Some(found)
        }
        ShapeKind::Scalar(_) | ShapeKind::String | ShapeKind::Handle { .. } => None,
    }
}

/// How a place in part `index` of a value of type `ty` is written behind the value's own. `None`: some element of a list.
pub(super) fn part_name(world: &World, ty: Type, index: Option<usize>) -> String {
    let Some(index) = index else { return "[…]".to_owned() };
    let name = match world.types().kind(ty) {
        Some(Kind::Record(fields)) => fields.get(index).map(|field| field.name.as_str()),
        Some(Kind::Variant(cases)) => cases.get(index).map(|case| case.name.as_str()),
        Some(Kind::Option(_)) => Some("some"),
        Some(Kind::Result { .. }) => Some(if index == 0 { "ok" } else { "err" }),
        Some(Kind::List(_)) => return format!("[{index}]"),
        _ => None,
    };
    name.map_or_else(|| format!(".{index}"), |name| format!(".{name}"))
}
