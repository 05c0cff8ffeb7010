//! The format definitions that come with the program: config/formats, compiled in.
//!
//! A file of the same name in the folder `formats` beside the configuration takes the place of one of these (`config`).

use super::Definition;

macro_rules! definitions {
    ($($name:literal),* $(,)?) => {
        /// Name and text of every definition, by name.
        const ALL: &[(&str, &str)] = &[$(($name, include_str!(concat!("../../config/formats/", $name, ".toml")))),*];
    };
}

definitions![
    "alog",
    "apache-error",
    "auditd",
    "authelia",
    "authentik",
    "aws-alb",
    "aws-waf",
    "azure-activity",
    "box",
    "bunkerweb",
    "caddy",
    "cas-audit",
    "cassandra-audit",
    "cef",
    "cloudflare",
    "cloudfront",
    "cloudtrail",
    "cri",
    "docker-json",
    "dovecot",
    "dropbear",
    "dropbox",
    "elasticsearch-audit",
    "envoy",
    "envoy-json",
    "fastly",
    "filebrowser",
    "filezilla-server",
    "freeradius",
    "gcp-audit",
    "gitea",
    "github-audit",
    "gitlab",
    "google-workspace",
    "grafana",
    "guacamole",
    "haproxy",
    "harbor",
    "iis",
    "iis-native",
    "keycloak",
    "kubernetes-audit",
    "laurel",
    "leef",
    "litespeed",
    "logfmt",
    "ltsv",
    "m365",
    "m365-csv",
    "mariadb-audit",
    "minio-audit",
    "mongodb",
    "mssql-errorlog",
    "mysql-audit",
    "mysql-audit-xml",
    "mysql-error",
    "mysql-general",
    "mysql-slow",
    "nextcloud",
    "nginx-error",
    "nginx-proxy-manager",
    "okta",
    "openldap",
    "opensearch-audit",
    "oracle-audit",
    "oracle-unified",
    "oracle-unified-csv",
    "oracle-xml",
    "postgresql",
    "postgresql-csv",
    "postgresql-json",
    "proftpd",
    "proxmox",
    "pureftpd",
    "redmine",
    "s3-access",
    "s3-access-json",
    "salesforce",
    "samba-audit",
    "samba-auth",
    "sftpgo",
    "snowflake-query",
    "sqlserver-audit",
    "squid",
    "sshd",
    "synology",
    "syslog",
    "technitium",
    "teleport",
    "tomcat",
    "traefik",
    "traefik-clf",
    "upsun",
    "vault-audit",
    "vaultwarden",
    "vsftpd",
    "webmin",
    "windows-xml",
    "winlogbeat",
    "xferlog",
    "zimbra",
];

/// The definition called `name`, or that has it as another name.
pub fn find(name: &str) -> Option<Definition> {
    if let Ok(at) = ALL.binary_search_by(|(known, _)| (*known).cmp(name)) {
        return ALL.get(at).and_then(|(_, text)| Definition::read(text).ok());
    }
    // Compiling all of them for one name would take long: most do not even hold the word.
    let word = format!("\"{name}\"");
    let candidates = ALL.iter().filter(|(_, text)| text.contains(&word));
    candidates
        .filter_map(|(_, text)| Definition::read(text).ok())
        .find(|definition| definition.aliases().iter().any(|alias| alias == name))
}

/// Every definition, by name.
pub fn all() -> impl Iterator<Item = Definition> {
    ALL.iter().filter_map(|(_, text)| Definition::read(text).ok())
}

/// Every name.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_of_the_folder_is_compiled_in_under_its_own_name_and_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/config/formats");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".toml")
                    .map(str::to_owned)
            })
            .collect();
        let listed: Vec<String> = names().map(str::to_owned).collect();
        assert_eq!(listed, files.into_iter().collect::<Vec<_>>());
        for (name, text) in ALL {
            match Definition::read(text) {
                Ok(definition) => assert_eq!(definition.name(), *name),
                Err(e) => panic!("{name}: {e}"),
            }
        }
    }

    #[test]
    fn the_manual_has_a_row_for_every_format() {
        let manual = include_str!("../../docs/formats.md");
        for definition in all() {
            let note = definition.note(crate::text::Lang::Ja).replace('|', "&#124;");
            let row = format!(
                "| `{}` | {} | {note} |",
                definition.name(),
                definition.title(crate::text::Lang::Ja)
            );
            assert!(manual.contains(&row), "docs/formats.md lacks: {row}");
        }
    }

    #[test]
    fn the_example_of_the_manual_is_a_definition_that_works() {
        let manual = include_str!("../../docs/formats.md");
        let example = manual.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let (count, errors) = Definition::read(example).unwrap().run_samples();
        assert_eq!((count, errors), (1, Vec::new()));
    }

    #[test]
    fn no_name_means_two_formats() {
        let mut seen = BTreeSet::new();
        for definition in all() {
            let names = std::iter::once(definition.name()).chain(definition.aliases().iter().map(String::as_str));
            for name in names {
                assert!(seen.insert(name.to_owned()), "{name} stands twice");
            }
        }
    }

    #[test]
    fn every_sample_means_what_its_definition_says() {
        let mut wrong = Vec::new();
        for definition in all() {
            let (count, errors) = definition.run_samples();
            if count == 0 {
                wrong.push(format!("{} has no sample", definition.name()));
            }
            wrong.extend(errors.iter().map(ToString::to_string));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
