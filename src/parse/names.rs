//! The names under which systems log the fields of a record, used where the configuration names none.
//!
//! English names of web servers, gateways and cloud services, and the Japanese column headers of office systems.
//! Names of persons are not among them on purpose: they must not get into a record.

use super::FieldNames;

/// The fields of a record, and what becomes of fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Slot {
    Time,
    /// Time of day, where it stands apart from the day.
    Clock,
    User,
    Source,
    Operation,
    Resource,
    Status,
    Bytes,
    Rows,
    Outcome,
    Agent,
    Subject,
    /// A whole request line, `GET /x HTTP/1.1`.
    Request,
    /// What tells a record from every other one.
    RecordKey,
    /// Number under which several rows are one operation.
    JoinedBy,
}

impl Slot {
    /// How many there are.
    pub(super) const COUNT: usize = 15;

    /// Every slot, in the order of their numbers.
    pub(super) const ALL: [Slot; Slot::COUNT] = [
        Slot::Time,
        Slot::Clock,
        Slot::User,
        Slot::Source,
        Slot::Operation,
        Slot::Resource,
        Slot::Status,
        Slot::Bytes,
        Slot::Rows,
        Slot::Outcome,
        Slot::Agent,
        Slot::Subject,
        Slot::Request,
        Slot::RecordKey,
        Slot::JoinedBy,
    ];

    /// The key of [`FieldNames`], for messages.
    pub(super) fn key(self) -> &'static str {
        match self {
            Slot::Time => "time",
            Slot::Clock => "time2",
            Slot::User => "user",
            Slot::Source => "source",
            Slot::Operation => "operation",
            Slot::Resource => "resource",
            Slot::Status => "status",
            Slot::Bytes => "bytes",
            Slot::Rows => "rows",
            Slot::Outcome => "outcome",
            Slot::Agent => "user_agent",
            Slot::Subject => "subject",
            Slot::Request => "request",
            Slot::RecordKey => "record_key",
            Slot::JoinedBy => "joined_by",
        }
    }

    /// The slot with this key.
    pub(super) fn from_key(key: &str) -> Option<Slot> {
        Slot::ALL.into_iter().find(|slot| slot.key() == key)
    }

    /// The configured name.
    pub(super) fn configured(self, names: &FieldNames) -> Option<&str> {
        match self {
            Slot::Time => &names.time,
            Slot::Clock => &names.time2,
            Slot::User => &names.user,
            Slot::Source => &names.source,
            Slot::Operation => &names.operation,
            Slot::Resource => &names.resource,
            Slot::Status => &names.status,
            Slot::Bytes => &names.bytes,
            Slot::Rows => &names.rows,
            Slot::Outcome => &names.outcome,
            Slot::Agent => &names.user_agent,
            Slot::Subject => &names.subject,
            Slot::RecordKey => &names.record_key,
            Slot::JoinedBy => &names.joined_by,
            Slot::Request => &None,
        }
        .as_deref()
    }

    /// The usual names, best first.
    pub(super) fn usual(self) -> &'static [&'static str] {
        match self {
            Slot::Time => TIME,
            Slot::Clock | Slot::RecordKey | Slot::JoinedBy => &[],
            Slot::User => USER,
            Slot::Source => SOURCE,
            Slot::Operation => OPERATION,
            Slot::Resource => RESOURCE,
            Slot::Status => STATUS,
            Slot::Bytes => BYTES,
            Slot::Rows => ROWS,
            Slot::Outcome => OUTCOME,
            Slot::Agent => AGENT,
            Slot::Subject => SUBJECT,
            Slot::Request => &["request", "request_line"],
        }
    }
}

/// Columns for the day with those for the time of day beside them.
pub(super) const DAY_AND_CLOCK: [(&str, &str); 9] = [
    ("処理日", "処理時刻"),
    ("処理年月日", "処理時刻"),
    ("年月日", "時刻"),
    ("日付", "時刻"),
    ("操作日", "操作時刻"),
    ("アクセス日", "アクセス時刻"),
    ("利用日", "利用時刻"),
    ("日付", "時間"),
    ("date", "time"),
];

const TIME: &[&str] = &[
    "time",
    "@timestamp",
    "timestamp",
    "time_local",
    "time_iso8601",
    "ts",
    "日時",
    "操作日時",
    "処理日時",
    "アクセス日時",
    "利用日時",
    "実行日時",
    "記録日時",
    "発生日時",
    "ログ日時",
    "処理開始日時",
    "開始日時",
    "datetime",
    "date_time",
    "log_time",
    "access_time",
    "created_at",
    "TimeCreated",
    "日付と時刻",
    "eventTime",
    "StartUTC",
    "msec",
];

const USER: &[&str] = &[
    "user",
    "remote_user",
    "user_name",
    "username",
    "account",
    "userId",
    "user_id",
    "userid",
    "利用者ID",
    "ユーザーID",
    "ユーザID",
    "操作者ID",
    "オペレータID",
    "オペレーターID",
    "職員番号",
    "職員コード",
    "職員ID",
    "担当者コード",
    "担当者ID",
    "ログインID",
    "登録ユーザーID",
    "ログオンユーザー",
    "アカウント",
    "利用者コード",
    "user.name",
    "user.id",
    "ClientUsername",
    "login_id",
    "loginId",
    "account_id",
    "employee_id",
    "userIdentity.arn",
    "requester",
];

const SOURCE: &[&str] = &[
    "remote_addr",
    "client_ip",
    "source_ip",
    "ip",
    "addr",
    "terminal",
    "remote_ip",
    "端末名",
    "端末ID",
    "端末番号",
    "端末機番号",
    "コンピュータ名",
    "コンピューター名",
    "IPアドレス",
    "操作者IP",
    "接続元IP",
    "接続元IPアドレス",
    "端末",
    "client.ip",
    "source.ip",
    "client.address",
    "source.address",
    "ClientHost",
    "sourceIPAddress",
    "remoteip",
    "clientIp",
    "remoteIp",
    "ip_address",
    "ipAddress",
    "client_address",
];

const OPERATION: &[&str] = &[
    "method",
    "request_method",
    "operation",
    "action",
    "event",
    "操作区分",
    "処理区分",
    "操作内容",
    "操作種別",
    "操作",
    "イベント",
    "アクセス種別",
    "http.request.method",
    "event.action",
    "RequestMethod",
    "eventName",
    "httpMethod",
];

const RESOURCE: &[&str] = &[
    "uri",
    "request_uri",
    "path",
    "resource",
    "object",
    "url",
    "業務名",
    "業務コード",
    "サブシステム",
    "画面名",
    "画面ID",
    "機能名",
    "機能ID",
    "処理名",
    "メニュー",
    "ファイル名",
    "帳票名",
    "出力先",
    "url.original",
    "url.path",
    "RequestPath",
    "endpoint",
    "request_path",
    "requestUri",
];

const STATUS: &[&str] = &[
    "status",
    "status_code",
    "http.response.status_code",
    "DownstreamStatus",
    "httpstatus",
    "statusCode",
    "response_code",
    "ステータスコード",
];

const BYTES: &[&str] = &[
    "bytes",
    "body_bytes_sent",
    "bytes_sent",
    "http.response.body.bytes",
    "DownstreamContentSize",
    "bytessent",
    "出力バイト数",
    "バイト数",
];

const ROWS: &[&str] = &[
    "rows",
    "count",
    "records",
    "件数",
    "出力件数",
    "対象件数",
    "検索結果件数",
    "検索件数",
    "照会件数",
    "処理件数",
    "レコード数",
    "record_count",
    "row_count",
    "hit_count",
    "rowCount",
    "recordCount",
    "行数",
];

const OUTCOME: &[&str] = &[
    "outcome",
    "result",
    "結果",
    "処理結果",
    "実行結果",
    "操作結果",
    "正常・異常",
    "成否",
    "event.outcome",
    "エラーコード",
];

const AGENT: &[&str] = &[
    "user_agent",
    "http_user_agent",
    "user_agent.original",
    "request_User-Agent",
    "userAgent",
    "useragent",
    "ブラウザ",
];

const SUBJECT: &[&str] = &[
    "subject",
    "宛名番号",
    "宛名コード",
    "住民票コード",
    "世帯番号",
    "被保険者番号",
];
