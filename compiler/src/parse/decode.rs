//! Whether bytes are a module of the binary format at all: the specification decodes a module before it validates it, and
//! calls one that can't be decoded malformed.

use wasmparser::{
    Data, ElementItems, FunctionBody, Operator, OperatorsReader, Parser, Payload, TableInit, WasmFeatures,
};

/// What keeps a module from being decoded.
pub(super) struct Malformed {
    pub message: String,
    /// Byte offset in the binary.
    pub offset: u64,
}

impl From<wasmparser::Error> for Malformed {
    fn from(error: wasmparser::Error) -> Self {
        Malformed { message: error.message().to_owned(), offset: error.offset() }
    }
}

/// The parser's words for a type's index that is larger than any module's: it can be decoded.
const UNKNOWN_TYPE: &str = "type index greater than implementation limits";

/// Decodes all of a module and looks at no rule of validation: what else is wrong with one that passes makes it invalid.
///
/// Asked only of modules that are refused, because it reads all of them once more.
pub(super) fn decode(wasm: &[u8], features: WasmFeatures) -> Result<(), Malformed> {
    match decode_all(wasm, features) {
        Err(Malformed { message, .. }) if message == UNKNOWN_TYPE => Ok(()),
        result => result,
    }
}

fn decode_all(wasm: &[u8], features: WasmFeatures) -> Result<(), Malformed> {
    let mut parser = Parser::new(0);
    parser.set_features(features);
    let mut counted = false;
    for payload in parser.parse_all(wasm) {
        match payload? {
            Payload::TypeSection(reader) => all(reader)?,
            Payload::ImportSection(reader) => all(reader.into_imports())?,
            Payload::FunctionSection(reader) => all(reader)?,
            Payload::TableSection(reader) => {
                for table in reader {
                    if let TableInit::Expr(expr) = table?.init {
                        constant(&expr)?;
                    }
                }
            }
            Payload::MemorySection(reader) => all(reader)?,
            Payload::TagSection(reader) => all(reader)?,
            Payload::GlobalSection(reader) => {
                for global in reader {
                    constant(&global?.init_expr)?;
                }
            }
            Payload::ExportSection(reader) => all(reader)?,
            Payload::ElementSection(reader) => {
                for element in reader {
                    let element = element?;
                    if let wasmparser::ElementKind::Active { offset_expr, .. } = &element.kind {
                        constant(offset_expr)?;
                    }
                    match element.items {
                        ElementItems::Functions(items) => all(items)?,
                        ElementItems::Expressions(_, items) => items.into_iter().try_for_each(|e| constant(&e?))?,
                    }
                }
            }
            Payload::DataCountSection { .. } => counted = true,
            Payload::DataSection(reader) => {
                for data in reader {
                    let Data { kind, .. } = data?;
                    if let wasmparser::DataKind::Active { offset_expr, .. } = kind {
                        constant(&offset_expr)?;
                    }
                }
            }
            Payload::CodeSectionEntry(function) => body(&function, counted)?,
            Payload::UnknownSection { id, range, .. } => {
                return Err(Malformed { message: format!("malformed section id: {id}"), offset: range.start });
            }
            _ => {}
        }
    }
    Ok(())
}

fn all<T>(items: impl IntoIterator<Item = wasmparser::Result<T>>) -> Result<(), Malformed> {
    items.into_iter().try_for_each(|item| item.map(|_| ()).map_err(Malformed::from))
}

fn constant(expr: &wasmparser::ConstExpr<'_>) -> Result<(), Malformed> {
    operators(expr.get_operators_reader(), true)
}

fn body(function: &FunctionBody<'_>, counted: bool) -> Result<(), Malformed> {
    all(function.get_locals_reader()?)?;
    operators(function.get_operators_reader()?, counted)
}

/// `counted`: there is a data count section, without which the grammar knows no index of a data segment in code.
fn operators(mut reader: OperatorsReader<'_>, counted: bool) -> Result<(), Malformed> {
    while !reader.eof() {
        let (operator, offset) = reader.read_with_offset()?;
        let segment = matches!(operator, Operator::MemoryInit { .. } | Operator::DataDrop { .. });
        if segment && !counted {
            return Err(Malformed { message: "data count section required".to_owned(), offset });
        }
    }
    Ok(reader.finish()?)
}
