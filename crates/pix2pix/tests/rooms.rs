//! The structure of the source code: rooms in layers without cycles. ARCHITECTURE.md has the order of the rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// An import: its position, and the modules at both ends, as paths from the root of the crate.
struct Import {
    file: PathBuf,
    line: usize,
    from: Vec<String>,
    to: Vec<String>,
}

impl Import {
    fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

#[test]
fn a_room_imports_only_rooms_below_it() {
    let rooms = rooms();
    let floor = |module: &[String]| rooms.iter().position(|room| *room == module[0]);
    let imports = imports("pix2pix");
    let mut wrong = Vec::new();
    for import in imports.iter().filter(|import| import.from != ["lib"]) {
        let Some(from) = floor(&import.from) else {
            panic!("{} is in no room of ARCHITECTURE.md", import.file.display());
        };
        if floor(&import.to).expect("it is a module") > from {
            wrong.push(format!(
                "{}: `{}` imports `{}`, which is above it",
                import.place(),
                import.from[0],
                import.to[0]
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // without this, the test would also pass on no imports
    assert!(imports.len() > 200, "{}", imports.len());
}

#[test]
fn modules_do_not_import_each_other_in_circles() {
    for name in [
        "pix2pix",
        "pix2pix-kernels",
        "pix2pix-runtime",
        "pix2pix-cli",
        "pix2pix-server",
        "pix2pix-c",
        "pix2pix-python",
        "pix2pix-web",
        "pix2pix-benches",
    ] {
        let imports = imports(name);
        // in every folder; a module includes the modules inside it
        let mut levels: BTreeMap<&[String], Level> = BTreeMap::new();
        for import in &imports {
            let ends = import.from.iter().zip(&import.to);
            let shared = ends.take_while(|(from, to)| from == to).count();
            let (Some(from), Some(to)) = (import.from.get(shared), import.to.get(shared)) else {
                continue; // one module contains the other
            };
            let level = levels.entry(&import.from[..shared]).or_default();
            level.entry(from).or_default().push((to, import));
        }
        for (folder, level) in levels {
            for start in level.keys() {
                if let Some(circle) = circle(&level, start) {
                    let places: Vec<_> = circle.iter().map(|import| import.place()).collect();
                    panic!(
                        "{name}/{}: a circle by {}",
                        folder.join("/"),
                        places.join(", ")
                    );
                }
            }
        }
    }
}

/// The modules of one folder, and the modules that each imports.
type Level<'a> = BTreeMap<&'a str, Vec<(&'a str, &'a Import)>>;

/// A cycle of imports from `start` back to it.
fn circle<'a>(level: &Level<'a>, start: &str) -> Option<Vec<&'a Import>> {
    fn walk<'a>(
        level: &Level<'a>,
        at: &str,
        start: &str,
        seen: &mut BTreeSet<&'a str>,
        way: &mut Vec<&'a Import>,
    ) -> bool {
        for (to, import) in level.get(at).into_iter().flatten() {
            way.push(import);
            if *to == start || (seen.insert(to) && walk(level, to, start, seen, way)) {
                return true;
            }
            way.pop();
        }
        false
    }
    let mut way = Vec::new();
    walk(level, start, start, &mut BTreeSet::new(), &mut way).then_some(way)
}

/// The rooms, lowest first, from the table of ARCHITECTURE.md.
fn rooms() -> Vec<String> {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).unwrap();
    let table = text
        .lines()
        .skip_while(|line| !line.starts_with("| room, lowest first"));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(|name| name.trim_end_matches('/').to_string())
        .collect()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// All imports between modules of a crate.
fn imports(name: &str) -> Vec<Import> {
    let root = repository().join("crates").join(name).join("src");
    let mut files = Vec::new();
    find(&root, &mut files);
    let module = |file: &Path| -> Vec<String> {
        let inside = file.strip_prefix(&root).unwrap().with_extension("");
        let parts = inside.iter().map(|part| part.to_str().unwrap().to_string());
        parts.collect()
    };
    let modules: BTreeSet<_> = files.iter().map(|file| module(file)).collect();
    let mut imports = Vec::new();
    for file in &files {
        let from = module(file);
        let text = fs::read_to_string(file).unwrap();
        for (line, path) in paths(&text, &from) {
            // the longest prefix of the path that is a module; the rest is a name in it
            let to = (1..=path.len()).rev().map(|length| &path[..length]);
            let Some(to) = to.map(<[String]>::to_vec).find(|to| modules.contains(to)) else {
                continue;
            };
            imports.push(Import {
                file: file.strip_prefix(repository()).unwrap().to_path_buf(),
                line,
                from: from.clone(),
                to,
            });
        }
    }
    imports
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && !path.ends_with("tests.rs")
        {
            files.push(path);
        }
    }
}

/// Every path in a source file that begins with `crate` or `super`, and its line, as a path from the root of the
/// crate.
fn paths(text: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    // without comments, which may name anything
    let code: Vec<_> = text
        .lines()
        .map(|line| line.split("//").next().unwrap())
        .collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    let mut rest = 0;
    while let Some(at) = ["crate::", "super::"]
        .iter()
        .filter_map(|start| code[rest..].find(start))
        .min()
    {
        let at = rest + at;
        let line = code[..at].matches('\n').count() + 1;
        let mut base = Vec::new();
        let mut tail = &code[at..];
        if tail.starts_with("super::") {
            base = module.to_vec();
            while let Some(above) = tail.strip_prefix("super::") {
                base.pop();
                tail = above;
            }
        } else {
            tail = &tail["crate::".len()..];
        }
        rest = code.len() - tail.len();
        for names in expanded(tail) {
            found.push((line, base.iter().cloned().chain(names).collect()));
        }
    }
    found
}

/// The paths that a text begins with, with braces expanded: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn expanded(text: &str) -> Vec<Vec<String>> {
    let text = text.trim_start();
    if let Some(group) = text.strip_prefix('{') {
        let mut depth = 1;
        let mut parts = vec![String::new()];
        for letter in group.chars() {
            depth += i32::from(letter == '{') - i32::from(letter == '}');
            match letter {
                _ if depth == 0 => break,
                ',' if depth == 1 => parts.push(String::new()),
                _ => parts.last_mut().unwrap().push(letter),
            }
        }
        return parts.iter().flat_map(|part| expanded(part)).collect();
    }
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    match rest.strip_prefix("::") {
        Some(rest) => {
            let tails = expanded(rest).into_iter();
            tails
                .map(|tail| [vec![name.to_string()], tail].concat())
                .collect()
        }
        None if name.is_empty() => vec![vec![]],
        None => vec![vec![name.to_string()]],
    }
}

/// Cargo finds tests by itself no longer: a file that nobody names would never run.
#[test]
fn every_file_of_tests_is_in_a_program() {
    for krate in ["pix2pix", "pix2pix-cli", "pix2pix-server"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(krate);
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
        let (manifest, all) = (read("Cargo.toml"), read("tests/all.rs"));
        let mut count = 0;
        for entry in std::fs::read_dir(folder.join("tests")).unwrap() {
            let file = entry.unwrap().path();
            if file.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let name = file.file_stem().unwrap().to_str().unwrap();
            let is_program = manifest.contains(&format!("[[test]]\nname = \"{name}\""));
            let is_part = all.contains(&format!("\nmod {name};"));
            assert!(is_program != is_part, "{krate}: tests/{name}.rs");
            count += 1;
        }
        assert!(count > 4, "{krate}: only {count} files");
    }
}
