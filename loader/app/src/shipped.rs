//! Virtualizers that are always there: `module = "bailiwick:memfs"` in a manifest.
//!
//! They are WebAssembly like any other module, compiled on first use and confined by what they are granted. Their sources
//! are in `loader/virt`, whose script makes the modules that are contained here.

use std::path::Path;

/// What names of such modules begin with. A file of that name is named with a folder before it, as `./bailiwick:memfs`.
pub const PREFIX: &str = "bailiwick:";

/// A module that is always there.
#[derive(Debug)]
pub struct Shipped {
    /// Its name behind [`PREFIX`].
    pub name: &'static str,
    /// The WebAssembly.
    pub wasm: &'static [u8],
    /// The WIT text that belongs to it.
    pub wit: &'static str,
}

macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        [$(Shipped {
            name: $name,
            wasm: include_bytes!(concat!("../../virt/", $name, ".wasm")),
            wit: include_str!(concat!("../../virt/", $name, ".wit")),
        }),*]
    };
}

/// All of them.
pub static ALL: [Shipped; 7] =
    shipped!["envfilter", "fixedclock", "hostallow", "logproxy", "memfs", "overlay", "seededrandom"];

/// The module that a manifest names; `None` if it names a file.
///
/// # Errors
/// In words, if there is no such module.
pub fn find(named: &Path) -> Result<Option<&'static Shipped>, String> {
    let Some(name) = named.to_str().and_then(|named| named.strip_prefix(PREFIX)) else { return Ok(None) };
    let found = ALL.iter().find(|shipped| shipped.name == name);
    found.map(Some).ok_or_else(|| {
        let names: Vec<String> = ALL.iter().map(|shipped| format!("{PREFIX}{}", shipped.name)).collect();
        format!("{PREFIX}{name} is not there; there are: {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_the_prefix_is_one_of_them_or_an_error_that_lists_them() {
        assert_eq!(find(Path::new("bailiwick:memfs")).unwrap().unwrap().name, "memfs");
        for file in ["memfs", "memfs.wasm", "./bailiwick:memfs", "x/bailiwick:memfs"] {
            assert!(find(Path::new(file)).unwrap().is_none(), "{file}");
        }
        let unknown = find(Path::new("bailiwick:memfs.wasm")).unwrap_err();
        assert!(
            unknown.starts_with("bailiwick:memfs.wasm is not there; there are: bailiwick:envfilter, "),
            "{unknown}"
        );
    }

    #[test]
    fn each_is_a_module_and_has_the_types_of_what_it_exports() {
        for shipped in &ALL {
            assert!(shipped.wasm.starts_with(b"\0asm"), "{}", shipped.name);
            assert!(shipped.wit.contains("export bailiwick:virt/"), "{}", shipped.name);
        }
    }
}
