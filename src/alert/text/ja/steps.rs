//! What to do first, by what the situation is (Japanese).

use crate::access::Standing;
use crate::alert::text::Piece;
use crate::alert::text::view::{Concern, View, said};
use crate::detect::Severity;
use crate::text::Lang;

/// Where a rule says nothing of its own.
const RULE: &[&str] = &[
    "業務上の必要による利用かどうかを、利用者の所属長に確認してください。",
    "業務上の理由を確認できないときは、アカウントの停止など、被害の拡大を防ぐ措置を直ちにとってください（訓令第39条第2項）。",
];

/// What to do before anything else, by what the situation is.
pub(super) fn steps(view: &View) -> Vec<Piece> {
    let mut steps = vec![Piece::say(match view.about_manager() {
        true => {
            "この警告は、所管課の保護管理者本人の利用に関するものです。本人には知らせず、事実確認を待たずに、直ちに総括保護管理者（不在のときは監査責任者）へ報告してください。"
        }
        false => "保護管理者以外の方は、事実確認を待たず、直ちに保護管理者へ報告してください（訓令第39条第1項）。",
    })];
    if view.alert.severity == Severity::Critical && !view.about_manager() {
        steps.push(Piece::say(
            "保護管理者は、特に重大と認めるときは、直ちに総括保護管理者へ報告してください（訓令第39条第3項）。",
        ));
    }
    if view.concern() == Concern::Total {
        steps.push(Piece::say(
            "利用者ごとの内訳を、サーバで次のコマンドにより確認してください。",
        ));
        steps.push(Piece::Type("sekimori count --by person,dataset".to_string()));
    }
    let own: &[&str] = match view.concern() {
        Concern::Volume if view.leaves_the_system() => &[
            "承認された業務（一括発送、統計作成など）による出力かどうかを、利用者の所属長に確認してください。",
            "業務上の理由を確認できないときは、アカウントの停止など、被害の拡大を防ぐ措置を直ちにとってください（訓令第39条第2項）。",
            "出力されたファイルや印刷物が、今どこにあるかを確認してください。",
        ],
        Concern::Volume => &[
            "業務上の必要による利用かどうかを、利用者の所属長に確認してください。",
            "業務上の理由を確認できないときは、アカウントの停止など、被害の拡大を防ぐ措置を直ちにとってください（訓令第39条第2項）。",
        ],
        Concern::Total => &[
            "一斉に行う業務（一括処理など）の予定がないかを、所管課に確認してください。複数の利用者による分割や、IDの使い回しにも注意してください。",
            "業務上の理由を確認できないときは、該当アカウントの停止など、被害の拡大を防ぐ措置を直ちにとってください（訓令第39条第2項）。",
        ],
        Concern::Account(standing) => account_steps(view, standing),
        Concern::Rule => RULE,
    };
    let of_rule = view.facts.words.first(Lang::Ja);
    match of_rule.is_empty() {
        true => steps.extend(own.iter().copied().map(Piece::say)),
        false => steps.extend(of_rule.iter().map(|step| Piece::say(said(step)))),
    }
    steps.push(Piece::say(
        "記録を残すため、ファイルの削除や、端末・サーバの再起動をしないでください。",
    ));
    steps
}

fn account_steps(view: &View, standing: Standing) -> &'static [&'static str] {
    if view.crowd() {
        return &[
            "権限台帳の取込みが遅れていないか（年度当初のID再付与、システムの切替えなど）を、アクセス権限の管理担当に確認してください。台帳が最新になれば、この警告は出なくなります。",
            "台帳が最新であれば、利用者名を作り変えながらの不正アクセスを疑い、接続元の端末を確認し、LANケーブルを抜くなど、直ちにできる措置をとってください（訓令第39条第2項）。",
        ];
    }
    match standing {
        Standing::Revoked if view.all_failed() => &[
            "アカウントが停止されていることを、情報システム担当に確認してください（訓令第39条第2項）。",
            "本人の利用とは限りません。IDやパスワードが第三者に試されていないか、同じ接続元から他のアカウントが使われていないかを確認してください。",
        ],
        Standing::Revoked => &[
            "このアカウントを直ちに停止するよう、情報システム担当に依頼してください（訓令第39条第2項）。",
            "本人の利用とは限りません。後任者や第三者がIDを使った可能性も含めて、元の所属長と人事担当に確認してください。",
            "失効後も利用できた原因（異動・退職の反映漏れなど）を、アクセス権限の管理担当に確認してください。",
        ],
        Standing::NotYetValid => &[
            "権限の開始日が正しいか（発令日、登録の誤り）を、人事担当とアクセス権限の管理担当に確認してください。",
            "登録の誤りでないときは、開始日までアカウントを停止してください（訓令第39条第2項）。",
        ],
        Standing::OnLeave => &[
            "本人が利用したかどうかを、所属長を通じて確認してください。復職の登録が遅れている場合もあります。",
            "本人の利用と確認できないときは、IDとパスワードを他人に使われたおそれがあります。アカウントを直ちに停止してください（訓令第39条第2項）。",
        ],
        Standing::Anonymous => &[
            "認証なしで個人情報を利用できる状態か、利用者名を記録しない設定になっていないかを、情報システム担当に確認してください。",
            "接続元から、利用した端末と利用者を確認してください。不正アクセスの疑いがあるときは、端末のLANケーブルを抜くなど、直ちにできる措置をとってください（訓令第39条第2項）。",
        ],
        Standing::Unknown | Standing::Valid => &[
            "この利用者名に心当たりがないか（登録漏れ、保守用・共用のアカウントなど）を、情報システム担当とアクセス権限の管理担当に確認してください。",
            "心当たりがないときは、外部からの不正アクセスを疑い、端末のLANケーブルを抜くなど、直ちにできる措置をとってください（訓令第39条第2項）。",
        ],
    }
}
