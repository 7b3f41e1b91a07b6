//! A world from bytes, which may be any: [`super::encode`] draws them. Whatever is added goes through the same checks as
//! when the compiler adds it; here are those of the encoding itself.

use super::encode::tag;
use super::error::WitError;
use super::types::{Case, Field, Kind, Resource, ResourceId, Type, TypeId, Types, check_name};
use super::world::{Function, World};
use super::{MAX_TYPES, MAX_WORLD_SIZE};
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

impl World {
    /// The world that `bytes` are; an error for any that [`World::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<World, WitError> {
        if bytes.len() > MAX_WORLD_SIZE {
            return Err(WitError::Limit { what: "the world has more bytes than that", limit: MAX_WORLD_SIZE as u64 });
        }
        let mut input = Decoder { bytes, offset: 0 };
        let name = input.string()?;
        let mut types = Types::new();
        let mut resources = BTreeSet::new();
        for _ in 0..input.number()? {
            let resource = input.resource()?;
            if !resources.insert(resource.clone()) {
                return Err(WitError::Duplicate { what: "resource", name: resource.name });
            }
            types.push_resource(resource)?;
        }
        for _ in 0..input.number()? {
            let name = input.optional_string()?;
            let kind = input.kind()?;
            types.add(name, kind)?;
        }
        let mut world = World::new(&name, types)?;
        for _ in 0..input.number()? {
            world.add_import(input.function()?)?;
        }
        for _ in 0..input.number()? {
            world.add_export(input.function()?)?;
        }
        if input.offset != bytes.len() {
            return Err(input.damaged("there are bytes behind the end"));
        }
        Ok(world)
    }
}

struct Decoder<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl Decoder<'_> {
    fn damaged(&self, problem: &'static str) -> WitError {
        WitError::Damaged { offset: self.offset, problem }
    }

    fn byte(&mut self) -> Result<u8, WitError> {
        let byte = *self.bytes.get(self.offset).ok_or(self.damaged("the bytes end too early"))?;
        self.offset += 1;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u32, WitError> {
        let mut value = 0u32;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && bits > 0xf {
                return Err(self.damaged("a number has more than 32 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.damaged("a number is longer than it need be"));
                }
                return Ok(value);
            }
        }
        Err(self.damaged("a number has more than 32 bits"))
    }

    /// Each item takes up a byte or more, so no more of them are read than there are bytes.
    fn vec<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T, WitError>) -> Result<Vec<T>, WitError> {
        let mut items = Vec::new();
        for _ in 0..self.number()? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn text(&mut self) -> Result<&str, WitError> {
        let len = self.number()? as usize;
        let bytes = self.bytes.get(self.offset..).and_then(|rest| rest.get(..len));
        let text = bytes.and_then(|bytes| core::str::from_utf8(bytes).ok());
        let text = text.ok_or(self.damaged("a string reaches beyond the end or is not UTF-8"))?;
        self.offset += len;
        Ok(text)
    }

    fn string(&mut self) -> Result<String, WitError> {
        let text = self.text()?;
        check_name(text)?;
        Ok(text.to_string())
    }

    fn optional_string(&mut self) -> Result<Option<String>, WitError> {
        let text = self.text()?;
        if text.is_empty() {
            return Ok(None);
        }
        check_name(text)?;
        Ok(Some(text.to_string()))
    }

    fn type_of(&self, number: u32) -> Result<Type, WitError> {
        let number = number as usize;
        match (Type::BUILT_IN.get(number), number.checked_sub(Type::BUILT_IN.len())) {
            (Some(&ty), _) => Ok(ty),
            // Whether it is there, and earlier, is asked where it is used.
            (None, Some(index)) if index < MAX_TYPES => Ok(Type::Defined(TypeId(index as u32))),
            _ => Err(self.damaged("there is no such type")),
        }
    }

    fn ty(&mut self) -> Result<Type, WitError> {
        let number = self.number()?;
        self.type_of(number)
    }

    fn optional(&mut self) -> Result<Option<Type>, WitError> {
        self.number()?.checked_sub(1).map(|number| self.type_of(number)).transpose()
    }

    fn resource(&mut self) -> Result<Resource, WitError> {
        let (interface, name) = (self.string()?, self.string()?);
        let defined_here = match self.byte()? {
            0 => false,
            1 => true,
            _ => return Err(self.damaged("a byte that says yes or no is neither 1 nor 0")),
        };
        Ok(Resource { interface, name, defined_here })
    }

    fn kind(&mut self) -> Result<Kind, WitError> {
        Ok(match self.byte()? {
            tag::LIST => Kind::List(self.ty()?),
            tag::RECORD => Kind::Record(self.vec(|input| Ok(Field { name: input.string()?, ty: input.ty()? }))?),
            tag::TUPLE => Kind::Tuple(self.vec(Self::ty)?),
            tag::FLAGS => Kind::Flags(self.vec(Self::string)?),
            tag::ENUM => Kind::Enum(self.vec(Self::string)?),
            tag::VARIANT => Kind::Variant(self.vec(|input| Ok(Case { name: input.string()?, ty: input.optional()? }))?),
            tag::OPTION => Kind::Option(self.ty()?),
            tag::RESULT => Kind::Result { ok: self.optional()?, err: self.optional()? },
            tag::OWN => Kind::Own(ResourceId(self.number()?)),
            tag::BORROW => Kind::Borrow(ResourceId(self.number()?)),
            _ => return Err(self.damaged("there is no such kind of type")),
        })
    }

    fn function(&mut self) -> Result<Function, WitError> {
        Ok(Function {
            interface: self.optional_string()?,
            name: self.string()?,
            params: self.vec(|input| Ok((input.string()?, input.ty()?)))?,
            result: self.optional()?,
        })
    }
}
