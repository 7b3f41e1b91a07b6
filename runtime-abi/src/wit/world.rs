//! Functions, and the world of a module: what it imports and exports.

use super::error::WitError;
use super::types::{Resource, Type, Types, check_name, check_names};
use super::{MAX_FUNCTIONS, MAX_VALUE_SIZE, abi};
use crate::limits::MAX_FUNCTION_VALUES;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What core modules call the interface of functions that the world itself imports.
pub const ROOT: &str = "$root";
/// What core modules export to let their callers allocate, as `(i32, i32, i32, i32) -> i32`: old address, old size in
/// bytes, alignment in bytes, new size in bytes to new address.
pub const REALLOC: &str = "cabi_realloc";
/// What core modules call the memory that values are passed in.
pub const MEMORY: &str = "memory";
/// In front of an export's name: the function that is called when the caller has taken over the result.
pub const POST_RETURN: &str = "cabi_post_";
/// In front of a resource's name, as a field of its interface: the import that drops a handle, `(i32)`.
pub const RESOURCE_DROP: &str = "[resource-drop]";
/// In front of a resource's name, as a field of [`EXPORTED`]: the import that makes a handle, `(i32) -> i32`.
pub const RESOURCE_NEW: &str = "[resource-new]";
/// In front of a resource's name, as a field of [`EXPORTED`]: the import that looks behind a handle, `(i32) -> i32`.
pub const RESOURCE_REP: &str = "[resource-rep]";
/// In front of a resource's name in an export of its interface: the destructor, `(i32)`.
pub const DESTRUCTOR: &str = "[dtor]";
/// In front of an exported interface's name: the module whose imports manage the resources that it defines.
pub const EXPORTED: &str = "[export]";

/// A function of a world, with the names by which core modules know it: those that wit-bindgen and wit-component agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// The interface that it belongs to, `example:zip/api@1.2.0` or the world's own name for it; `None`: the world itself.
    pub interface: Option<String>,
    /// Its name there: `unzip`, `[method]archive.list`, `[constructor]archive`, `[static]archive.open`.
    pub name: String,
    /// Names and types of the parameters.
    pub params: Vec<(String, Type)>,
    /// Type of the result.
    pub result: Option<Type>,
}

impl Function {
    /// The module that a core module imports it from.
    pub fn import_module(&self) -> &str {
        self.interface.as_deref().unwrap_or(ROOT)
    }

    /// The name under which a core module imports it.
    pub fn import_field(&self) -> &str {
        &self.name
    }

    /// The name under which a core module exports it.
    pub fn export_name(&self) -> String {
        match &self.interface {
            Some(interface) => format!("{interface}#{}", self.name),
            None => self.name.clone(),
        }
    }

    /// The name of the export that frees its result, which need not be there.
    pub fn post_return_name(&self) -> String {
        format!("{POST_RETURN}{}", self.export_name())
    }
}

/// What a module imports and exports, in WIT's types. Valid by construction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct World {
    name: String,
    types: Types,
    imports: Vec<Function>,
    exports: Vec<Function>,
    names: Names,
}

/// Core names that are taken: module and field of imports, names of exports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    imports: BTreeSet<(String, String)>,
    exports: BTreeSet<String>,
}

impl World {
    /// A world of these types, without functions. `name` is `example:zip/unzipper`.
    pub fn new(name: &str, types: Types) -> Result<World, WitError> {
        check_name(name)?;
        let (imports, exports) = (Vec::new(), Vec::new());
        Ok(World { name: name.to_string(), types, imports, exports, names: Names::default() })
    }

    /// Adds a function that the module may import.
    pub fn add_import(&mut self, function: Function) -> Result<(), WitError> {
        self.check(&function, self.imports.len())?;
        let name = (function.import_module().to_string(), function.name.clone());
        if !self.names.imports.insert(name) {
            return Err(WitError::Duplicate { what: "import", name: function.export_name() });
        }
        self.imports.push(function);
        Ok(())
    }

    /// Adds a function that the module exports.
    pub fn add_export(&mut self, function: Function) -> Result<(), WitError> {
        self.check(&function, self.exports.len())?;
        if !self.names.exports.insert(function.export_name()) {
            return Err(WitError::Duplicate { what: "export", name: function.export_name() });
        }
        self.exports.push(function);
        Ok(())
    }

    fn check(&self, function: &Function, others: usize) -> Result<(), WitError> {
        if others >= MAX_FUNCTIONS {
            let what = "there are more imports or exports than that";
            return Err(WitError::Limit { what, limit: MAX_FUNCTIONS as u64 });
        }
        if let Some(interface) = &function.interface {
            check_name(interface)?;
        }
        check_name(&function.name)?;
        if function.params.len() > MAX_FUNCTION_VALUES as usize {
            let what = "a function has more parameters than that";
            return Err(WitError::Limit { what, limit: u64::from(MAX_FUNCTION_VALUES) });
        }
        check_names("parameter", function.params.iter().map(|(name, _)| name))?;
        let types = function.params.iter().map(|&(_, ty)| ty).chain(function.result);
        if !types.clone().all(|ty| self.types.has(ty)) {
            return Err(WitError::Rule("a function refers to a type that is not there"));
        }
        // The result alone can't be too large.
        let params = function.params.iter().map(|&(_, ty)| self.types.layout(ty));
        if abi::sequence(params).is_none() {
            let what = "the parameters of a function have more bytes than that";
            return Err(WitError::Limit { what, limit: u64::from(MAX_VALUE_SIZE) });
        }
        if function.result.is_some_and(|ty| self.types.layout(ty).has_borrow) {
            return Err(WitError::Rule("a result holds a borrowed handle, which is gone when the call is over"));
        }
        Ok(())
    }

    /// `package:name/world@version`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The types that its functions use.
    pub fn types(&self) -> &Types {
        &self.types
    }

    /// The resources of its interfaces.
    pub fn resources(&self) -> &[Resource] {
        self.types.resources()
    }

    /// What the module may import.
    pub fn imports(&self) -> &[Function] {
        &self.imports
    }

    /// What the module exports.
    pub fn exports(&self) -> &[Function] {
        &self.exports
    }

    /// The import that a core module knows by these names. Takes time in proportion to the imports.
    pub fn import(&self, module: &str, field: &str) -> Option<&Function> {
        self.imports.iter().find(|function| function.import_module() == module && function.name == field)
    }

    /// The export of an interface, or of the world itself. Takes time in proportion to the exports.
    pub fn export(&self, interface: Option<&str>, name: &str) -> Option<&Function> {
        self.exports.iter().find(|function| function.interface.as_deref() == interface && function.name == name)
    }
}
