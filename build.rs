//! Compiles in every folder of `carriers/`: a carrier is added without a line of Rust.
//!
//! They become one text: name, carrier.toml and errors.toml of each folder, parted by the
//! ASCII unit separator, folders by the record separator. TOML holds neither.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=carriers");
    let root = std::env::var("CARGO_MANIFEST_DIR").expect("set by cargo");
    let folder = Path::new(&root).join("carriers");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("carriers/ is part of the source")
        .map(|entry| entry.expect("carriers/ can be read").file_name().to_string_lossy().into_owned())
        .filter(|name| folder.join(name).join("carrier.toml").exists())
        .collect();
    names.sort();
    let file = |name: &str, file: &str| {
        let path = folder.join(name).join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let folders: Vec<String> = names
        .iter()
        .map(|name| [name, file(name, "carrier.toml").as_str(), file(name, "errors.toml").as_str()].join("\u{1f}"))
        .collect();
    let out = std::env::var("OUT_DIR").expect("set by cargo");
    std::fs::write(Path::new(&out).join("carriers.txt"), folders.join("\u{1e}")).expect("OUT_DIR can be written");
}
