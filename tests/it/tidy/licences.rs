//! Licences and bans of the whole tree of dependencies, from `cargo metadata` and the lists in deny.toml.

use std::path::Path;
use std::process::Command;

/// What deny.toml allows and forbids.
#[derive(Debug)]
pub(crate) struct Policy {
    allowed: Vec<String>,
    banned: Vec<(String, String)>,
}

/// One package of the tree.
#[derive(Debug)]
pub(crate) struct Package {
    /// Name on the registry.
    pub(crate) name: String,
    /// Version.
    pub(crate) version: String,
    /// SPDX expression, empty where the package states none.
    pub(crate) licence: String,
    /// Whether it comes from the public registry or is this very package.
    pub(crate) known_source: bool,
}

impl Policy {
    /// Reads the lists of deny.toml.
    pub(crate) fn from_toml(text: &str) -> Policy {
        let table: toml::Table = text.parse().unwrap();
        let word = |value: &toml::Value| value.as_str().unwrap().to_owned();
        Policy {
            allowed: table["licenses"]["allow"]
                .as_array()
                .unwrap()
                .iter()
                .map(word)
                .collect(),
            banned: table["bans"]["deny"]
                .as_array()
                .unwrap()
                .iter()
                .map(|b| (word(&b["name"]), word(&b["reason"])))
                .collect(),
        }
    }

    /// What speaks against `package`, if anything.
    pub(crate) fn objection(&self, package: &Package) -> Option<String> {
        let Package {
            name,
            version,
            licence,
            known_source,
        } = package;
        if let Some((_, reason)) = self.banned.iter().find(|(banned, _)| banned == name) {
            return Some(format!("Cargo.lock: {name} {version} is banned by deny.toml: {reason}"));
        }
        if !known_source {
            return Some(format!(
                "Cargo.lock: {name} {version} comes from outside the public registry; use a released version"
            ));
        }
        if !self.allows(licence) {
            return Some(format!(
                "Cargo.lock: {name} {version} is under `{licence}`, which deny.toml does not allow; choose another crate"
            ));
        }
        None
    }

    /// Whether the SPDX expression can be met with allowed licences: AND binds closer than OR, `/` is an old OR.
    fn allows(&self, expression: &str) -> bool {
        let mut text = expression.replace('/', " OR ");
        while let Some(open) = text.rfind('(') {
            let Some(length) = text.get(open..).and_then(|rest| rest.find(')')) else {
                return false;
            };
            let inner = self.allows_flat(text.get(open + 1..open + length).unwrap_or(""));
            text.replace_range(open..=open + length, if inner { "YES" } else { "NO" });
        }
        self.allows_flat(&text)
    }

    fn allows_flat(&self, expression: &str) -> bool {
        let allowed = |id: &str| id == "YES" || self.allowed.iter().any(|a| a == id);
        expression
            .split(" OR ")
            .any(|all| all.split(" AND ").all(|id| allowed(id.trim())))
    }
}

/// Every package that is compiled into the program, its build or its tests on this platform.
pub(crate) fn packages(root: &Path) -> Vec<Package> {
    let rustc = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned()))
        .arg("-vV")
        .output()
        .unwrap();
    let about = String::from_utf8(rustc.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    // Offline: what this test looks at was just compiled, so it is here.
    let cargo = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version=1",
            "--offline",
            "--locked",
            "--filter-platform",
            host,
        ])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(
        cargo.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&cargo.stderr)
    );
    let metadata: serde_json::Value = serde_json::from_slice(&cargo.stdout).unwrap();
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let one = |package: &serde_json::Value| Package {
        name: word(&package["name"]),
        version: word(&package["version"]),
        licence: word(&package["license"]),
        known_source: package["source"]
            .as_str()
            .is_none_or(|source| source.starts_with("registry+")),
    };
    metadata["packages"].as_array().unwrap().iter().map(one).collect()
}

#[test]
fn licence_expressions_are_met_or_refused() {
    let policy = Policy {
        allowed: vec!["MIT".into(), "ISC".into()],
        banned: vec![("bad".into(), "use good".into())],
    };
    for yes in [
        "MIT",
        "MIT/Apache-2.0",
        "GPL-3.0 OR MIT",
        "(MIT OR GPL-3.0) AND ISC",
        "MIT AND ISC",
    ] {
        assert!(policy.allows(yes), "{yes}");
    }
    for no in [
        "",
        "GPL-3.0",
        "MIT AND GPL-3.0",
        "(MIT OR ISC) AND GPL-3.0",
        "MIT-0",
        "(MIT",
    ] {
        assert!(!policy.allows(no), "{no}");
    }
    let package = |name: &str| Package {
        name: name.into(),
        version: "1.0.0".into(),
        licence: "MIT".into(),
        known_source: true,
    };
    assert!(policy.objection(&package("good")).is_none());
    assert!(
        policy
            .objection(&package("bad"))
            .is_some_and(|why| why.contains("use good"))
    );
}
