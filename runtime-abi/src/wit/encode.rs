//! A world as bytes.
//!
//! ```text
//! world     := name:string  resources:vec(resource)  types:vec(entry)  imports:vec(function)  exports:vec(function)
//! resource  := interface:string  name:string  defined_here:byte(0|1)
//! entry     := name:string (empty: none)  kind
//! kind      := 0 type                list          5 vec(string, type?)   variant
//!            | 1 vec(string, type)   record        6 type                 option
//!            | 2 vec(type)           tuple         7 type? type?          result: ok, err
//!            | 3 vec(string)         flags         8 number               own: of a resource
//!            | 4 vec(string)         enum          9 number               borrow: of a resource
//! function  := interface:string (empty: the world)  name:string  params:vec(string, type)  result:type?
//! type      := number: of Type::BUILT_IN, or 13 + position of an earlier entry
//! type?     := 0 | type + 1
//! vec(x)    := number  x…
//! string    := number  byte…      printable ASCII
//! number    := unsigned LEB128, at most 32 bits, as short as it can be
//! ```
//!
//! There is one encoding of a world, so equal worlds have equal bytes, and all other bytes are refused.

use super::MAX_WORLD_SIZE;
use super::error::WitError;
use super::types::{Kind, Type};
use super::world::{Function, World};
use alloc::vec::Vec;

/// First byte of each kind.
pub(super) mod tag {
    pub const LIST: u8 = 0;
    pub const RECORD: u8 = 1;
    pub const TUPLE: u8 = 2;
    pub const FLAGS: u8 = 3;
    pub const ENUM: u8 = 4;
    pub const VARIANT: u8 = 5;
    pub const OPTION: u8 = 6;
    pub const RESULT: u8 = 7;
    pub const OWN: u8 = 8;
    pub const BORROW: u8 = 9;
}

impl World {
    /// Its bytes; an error if they are more than [`MAX_WORLD_SIZE`].
    pub fn encode(&self) -> Result<Vec<u8>, WitError> {
        let mut out = Encoder(Vec::new());
        out.string(self.name());
        out.vec(self.resources(), |out, resource| {
            out.string(&resource.interface);
            out.string(&resource.name);
            out.0.push(resource.defined_here.into());
        });
        out.vec(self.types().entries(), |out, entry| {
            out.string(entry.name.as_deref().unwrap_or(""));
            out.kind(&entry.kind);
        });
        out.vec(self.imports(), Encoder::function);
        out.vec(self.exports(), Encoder::function);
        if out.0.len() > MAX_WORLD_SIZE {
            return Err(WitError::Limit { what: "the world has more bytes than that", limit: MAX_WORLD_SIZE as u64 });
        }
        Ok(out.0)
    }
}

struct Encoder(Vec<u8>);

impl Encoder {
    fn number(&mut self, mut n: u32) {
        while n >= 0x80 {
            self.0.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.0.push(n as u8);
    }

    /// Lengths beyond 32 bits lead to more bytes than [`MAX_WORLD_SIZE`], whatever is written for them.
    fn length(&mut self, n: usize) {
        self.number(u32::try_from(n).unwrap_or(u32::MAX));
    }

    fn string(&mut self, text: &str) {
        self.length(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn vec<T>(&mut self, items: &[T], mut item: impl FnMut(&mut Encoder, &T)) {
        self.length(items.len());
        items.iter().for_each(|it| item(self, it));
    }

    fn ty(&mut self, ty: Type) {
        self.number(type_number(ty));
    }

    fn optional(&mut self, ty: Option<Type>) {
        self.number(ty.map_or(0, |ty| type_number(ty) + 1));
    }

    fn kind(&mut self, kind: &Kind) {
        match kind {
            Kind::List(ty) => {
                self.0.push(tag::LIST);
                self.ty(*ty);
            }
            Kind::Record(fields) => {
                self.0.push(tag::RECORD);
                self.vec(fields, |out, field| {
                    out.string(&field.name);
                    out.ty(field.ty);
                });
            }
            Kind::Tuple(types) => {
                self.0.push(tag::TUPLE);
                self.vec(types, |out, &ty| out.ty(ty));
            }
            Kind::Flags(labels) => {
                self.0.push(tag::FLAGS);
                self.vec(labels, |out, label| out.string(label));
            }
            Kind::Enum(cases) => {
                self.0.push(tag::ENUM);
                self.vec(cases, |out, case| out.string(case));
            }
            Kind::Variant(cases) => {
                self.0.push(tag::VARIANT);
                self.vec(cases, |out, case| {
                    out.string(&case.name);
                    out.optional(case.ty);
                });
            }
            Kind::Option(ty) => {
                self.0.push(tag::OPTION);
                self.ty(*ty);
            }
            Kind::Result { ok, err } => {
                self.0.push(tag::RESULT);
                self.optional(*ok);
                self.optional(*err);
            }
            Kind::Own(resource) => {
                self.0.push(tag::OWN);
                self.number(resource.0);
            }
            Kind::Borrow(resource) => {
                self.0.push(tag::BORROW);
                self.number(resource.0);
            }
        }
    }

    fn function(&mut self, function: &Function) {
        self.string(function.interface.as_deref().unwrap_or(""));
        self.string(&function.name);
        self.vec(&function.params, |out, (name, ty)| {
            out.string(name);
            out.ty(*ty);
        });
        self.optional(function.result);
    }
}

fn type_number(ty: Type) -> u32 {
    match ty {
        // At most `MAX_TYPES`.
        Type::Defined(id) => Type::BUILT_IN.len() as u32 + id.0,
        _ => Type::BUILT_IN.iter().position(|&other| other == ty).unwrap_or(0) as u32,
    }
}
