//! Writes every page in every state, with the assets, as static files for looking at:
//!
//! ```text
//! cargo run -p countersign-web --example gallery -- DIRECTORY
//! (cd DIRECTORY && python3 -m http.server --bind 127.0.0.1)
//! ```

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use countersign_web::views::samples;

fn main() -> Result<(), Box<dyn Error>> {
    let target = env::args_os().nth(1).ok_or("Name the directory to write to.")?;
    let target = Path::new(&target);
    let assets = target.join("assets");
    fs::create_dir_all(&assets)?;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/assets"))? {
        let entry = entry?;
        fs::copy(entry.path(), assets.join(entry.file_name()))?;
    }
    let mut index = String::from("<!doctype html><html lang=en><title>Gallery</title><ul>");
    for (name, html) in samples::all()? {
        fs::write(target.join(format!("{name}.html")), html)?;
        write!(index, "<li><a href=\"{name}.html\">{name}</a>")?;
    }
    fs::write(target.join("index.html"), index)?;
    Ok(())
}
