//! `sekimori report audit`: the bundle for the 監査責任者.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};

use super::{put, register_of, site, site_of};
use crate::calendar::Jst;
use crate::cli::Failure;
use crate::cli::out::Out;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::report::{Period, audit};
use crate::store::Store;
use crate::text::Lang;

pub(super) fn command(lang: Lang) -> Command {
    Command::new("audit")
        .about(lang.pick("監査資料一式を作成します", "makes the bundle for the auditor"))
        .arg(
            Arg::new("fiscal-year")
                .long("fiscal-year")
                .value_name("YYYY")
                .required(true)
                .value_parser(clap::value_parser!(i32))
                .help(lang.pick("対象の年度（2026）", "the fiscal year (2026)")),
        )
        .arg(
            Arg::new("out")
                .long("out")
                .value_name("DIR")
                .required(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help(lang.pick("出力先のフォルダ", "folder the files are put into")),
        )
}

pub(super) fn run(config: &Config, args: &ArgMatches, out: &mut Out) -> Result<(), Failure> {
    let year = args.get_one::<i32>("fiscal-year").copied().unwrap_or(0);
    let Some(year) = Period::fiscal_year(year) else {
        let why = out.pick("年度は 2026 のように書いてください", "write a fiscal year as 2026");
        return Err(Failure::Failed(format!("--fiscal-year {year}: {why}")));
    };
    let Some(folder) = args.get_one::<PathBuf>("out") else {
        return Ok(());
    };
    let store = Store::open_read(&config.store)?;
    let today = Jst::from(SystemClock.now()).day;
    let register = register_of(config, &store, year)?;
    let sources = site_of(config);
    let files = audit::bundle(&store, site(config, &sources, (&register.0, register.1)), year, today)?;
    for file in files {
        let path = folder.join(&file.name);
        put(&path, &file.bytes)?;
        out.line(&format!("  {}", path.display()))?;
    }
    Ok(())
}
