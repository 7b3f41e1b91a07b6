//! A compiled function as bytes.
//!
//! Numbers are LEB128 (as in WebAssembly), lists have their length in front. Offsets of the binary are counted from the body
//! that they are in, and which function it is, is said by the key; so an entry holds wherever bodies lie.

use crate::codegen::{Relocation, Site, Unit};
use crate::frames::{CallFrame, CallHandler};
use crate::link::Loop;
use crate::symbol::Symbol;
use crate::translate::Inlined;
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::UserExternalName;

/// The references that [`crate::link`] knows, by number.
const KINDS: [Reloc; 5] =
    [Reloc::X86PCRel4, Reloc::X86CallPCRel4, Reloc::Arm64Call, Reloc::Aarch64AdrPrelPgHi21, Reloc::Aarch64AddAbsLo12Nc];

/// Writes a function's unit, and the functions that its translation named. `start` is where a function's body begins in the
/// binary. `None`: there is something in it that no entry can say.
pub(crate) fn encode(unit: &Unit, named: &[Symbol], start: impl Fn(u32) -> Option<u32>) -> Option<Vec<u8>> {
    let Unit {
        symbol,
        code,
        alignment,
        step,
        loops,
        // Of the function, not of its code.
        tag: _,
        relocations,
        sites,
        inlined,
        frames,
        unwind,
    } = unit;
    let Symbol::Function(function) = *symbol else { return None };
    let mut writer = Writer(Vec::with_capacity(code.len() * 2));
    writer.bytes(code);
    writer.number(*alignment);
    writer.number(*step);
    writer.list(loops, |writer, item| {
        for number in item.to_numbers() {
            writer.number(number);
        }
    });
    writer.len(relocations.len());
    for relocation in relocations {
        writer.number(relocation.offset);
        writer.number(KINDS.iter().position(|kind| *kind == relocation.kind)? as u32);
        writer.0.extend_from_slice(&relocation.addend.to_le_bytes());
        writer.symbol(relocation.symbol);
    }
    writer.len(inlined.len());
    for call in inlined {
        writer.number(call.function);
        let caller = call.outer.map_or(function, |outer| inlined[outer as usize].function);
        writer.number(call.call_offset.wrapping_sub(start(caller)?));
        writer.option(call.outer);
    }
    writer.len(sites.len());
    let mut last = 0;
    for site in sites {
        writer.number(site.offset - last);
        last = site.offset;
        writer.0.push(site.code);
        let within = site.inlined.map_or(function, |i| inlined[i as usize].function);
        writer.number(site.wasm_offset.wrapping_sub(start(within)?));
        writer.option(site.inlined);
    }
    writer.list(frames, |writer, frame| {
        writer.number(frame.return_offset);
        writer.number(frame.frame_offset);
        writer.option(frame.context_offset);
        writer.list(&frame.handlers, |writer, handler| {
            writer.option(handler.tag);
            writer.number(handler.landing);
        });
        writer.list(&frame.roots, |writer, &root| writer.number(root));
    });
    writer.bytes(unwind.as_deref().unwrap_or_default());
    writer.list(named, |writer, &symbol| writer.symbol(symbol));
    Some(writer.0)
}

/// Reads what [`encode`] has written for a function, which has this tag; `None`: it is damaged.
pub(crate) fn decode(
    bytes: &[u8],
    function: u32,
    tag: Option<u64>,
    start: impl Fn(u32) -> Option<u32>,
) -> Option<(Unit, Vec<Symbol>)> {
    let mut reader = Reader(bytes);
    let code = reader.bytes()?.to_vec();
    let end = u32::try_from(code.len()).ok()?;
    // A place in the code, or its end.
    let place = move |reader: &mut Reader<'_>| reader.number().filter(|&offset| offset <= end);
    let alignment = reader.number().filter(|alignment| alignment.is_power_of_two())?;
    let step = reader.number().filter(|step| step.is_power_of_two())?;
    let loops = reader.list(|reader| {
        let (start, behind, depth) = (place(reader)?, place(reader)?, reader.number()?);
        (start < behind).then(|| Loop::from_numbers([start, behind, depth]))
    })?;
    let relocations = reader.list(|reader| {
        let offset = reader.number().filter(|offset| offset.checked_add(4).is_some_and(|behind| behind <= end))?;
        let kind = *KINDS.get(reader.number()? as usize)?;
        let addend = i64::from_le_bytes(*reader.take(8)?.first_chunk()?);
        Some(Relocation { offset, kind, addend, symbol: reader.symbol()? })
    })?;
    let mut inlined: Vec<Inlined> = Vec::new();
    for _ in 0..reader.len()? {
        let (called, offset, outer) = (reader.number()?, reader.number()?, reader.option()?);
        let caller = match outer {
            Some(outer) => inlined.get(outer as usize)?.function,
            None => function,
        };
        inlined.push(Inlined { function: called, call_offset: start(caller)?.wrapping_add(offset), outer });
    }
    let mut last = 0;
    let sites = reader.list(|reader| {
        last = reader.number()?.checked_add(last).filter(|&offset| offset <= end)?;
        let code = *reader.take(1)?.first()?;
        let (wasm_offset, call) = (reader.number()?, reader.option()?);
        let within = match call {
            Some(call) => inlined.get(call as usize)?.function,
            None => function,
        };
        Some(Site { offset: last, code, wasm_offset: start(within)?.wrapping_add(wasm_offset), inlined: call })
    })?;
    let frames = reader.list(|reader| {
        Some(CallFrame {
            return_offset: place(reader)?,
            frame_offset: reader.number()?,
            context_offset: reader.option()?,
            handlers: reader.list(|reader| Some(CallHandler { tag: reader.option()?, landing: place(reader)? }))?,
            roots: reader.list(Reader::number)?,
        })
    })?;
    let unwind = Some(reader.bytes()?).filter(|bytes| !bytes.is_empty()).map(<[u8]>::to_vec);
    let named = reader.list(Reader::symbol)?;
    let symbol = Symbol::Function(function);
    let unit = Unit { symbol, code, alignment, step, loops, tag, relocations, sites, inlined, frames, unwind };
    reader.0.is_empty().then_some((unit, named))
}

struct Writer(Vec<u8>);

impl Writer {
    fn number(&mut self, mut number: u32) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    /// Lists are shorter than the code, and that has 32 bits.
    fn len(&mut self, len: usize) {
        self.number(len as u32);
    }

    fn option(&mut self, number: Option<u32>) {
        // None is the number of no tag, offset or place in a list.
        self.number(number.map_or(0, |number| number + 1));
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.len(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn symbol(&mut self, symbol: Symbol) {
        let UserExternalName { namespace, index } = symbol.to_name();
        self.number(namespace);
        self.number(index);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Writer, &T)) {
        self.len(items.len());
        for item in items {
            write(self, item);
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = 0u32;
        for shift in (0..32).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u32::from(byte & 0x7f);
            number |= bits << shift;
            if bits << shift >> shift != bits {
                return None;
            }
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    /// The length of a list, each of whose items has a byte at least.
    fn len(&mut self) -> Option<usize> {
        self.number().map(|len| len as usize).filter(|&len| len <= self.0.len())
    }

    fn option(&mut self) -> Option<Option<u32>> {
        self.number().map(|number| number.checked_sub(1))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.len()?;
        self.take(len)
    }

    fn symbol(&mut self) -> Option<Symbol> {
        let (namespace, index) = (self.number()?, self.number()?);
        Symbol::from_name(&UserExternalName { namespace, index })
    }

    fn list<T>(&mut self, mut read: impl FnMut(&mut Reader<'a>) -> Option<T>) -> Option<Vec<T>> {
        let len = self.len()?;
        let mut items = Vec::with_capacity(len);
        for _ in 0..len {
            items.push(read(self)?);
        }
        Some(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit() -> Unit {
        let relocation = |offset, symbol| Relocation { offset, kind: KINDS[1], addend: -4, symbol };
        Unit {
            symbol: Symbol::Function(7),
            code: (0..200).collect(),
            alignment: 32,
            step: 1,
            loops: vec![Loop::from_numbers([3, 200, 2])],
            tag: Some(9),
            relocations: vec![relocation(5, Symbol::Function(300)), relocation(196, Symbol::CallTable(0))],
            sites: vec![
                Site { offset: 9, code: 0, wasm_offset: 1012, inlined: Some(1) },
                Site { offset: 200, code: 3, wasm_offset: 7070, inlined: None },
            ],
            inlined: vec![
                Inlined { function: 1, call_offset: 7005, outer: None },
                Inlined { function: 2, call_offset: 1007, outer: Some(0) },
            ],
            frames: vec![CallFrame {
                return_offset: 9,
                frame_offset: 64,
                context_offset: Some(0),
                handlers: vec![CallHandler { tag: None, landing: 20 }, CallHandler { tag: Some(0), landing: 200 }],
                roots: vec![8, 70000],
            }],
            unwind: Some(vec![0, 1, 2]),
        }
    }

    #[test]
    fn what_is_read_is_what_was_written_at_the_offsets_of_another_binary() {
        let starts = |shift: u32| move |function: u32| Some(function * 1000 + shift);
        let named = [Symbol::Function(300), Symbol::Function(8)];
        let bytes = encode(&unit(), &named, starts(0)).unwrap();
        let (same, names) = decode(&bytes, 7, Some(9), starts(0)).unwrap();
        assert_eq!((format!("{same:?}"), &names[..]), (format!("{:?}", unit()), &named[..]));
        let (shifted, _) = decode(&bytes, 7, None, starts(5)).unwrap();
        assert_eq!((shifted.tag, shifted.sites[0].wasm_offset), (None, 1017));
        let calls: Vec<u32> = shifted.inlined.iter().map(|call| call.call_offset).collect();
        assert_eq!(calls, [7010, 1012]);
    }

    #[test]
    fn damage_is_no_unit_or_another_and_never_a_panic() {
        let start = |function: u32| (function < 400).then_some(function * 1000);
        let bytes = encode(&unit(), &[Symbol::Function(8)], start).unwrap();
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len], 7, None, start).is_none(), "{len}");
        }
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                if let Some((unit, _)) = decode(&damaged, 7, None, start) {
                    let end = unit.code.len() as u32;
                    assert!(unit.relocations.iter().all(|relocation| relocation.offset + 4 <= end));
                    assert!(unit.sites.iter().all(|site| site.offset <= end));
                }
            }
        }
    }
}
