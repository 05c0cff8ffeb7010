//! Reasons in Japanese: what the pure parts say in English words, for people who read Japanese.

/// Reasons and what they are in Japanese; a reason may stand within a longer one.
const WORDS: [(&str, &str); 52] = [
    ("a key has the form name+hash+key", "公開鍵は 名前+ハッシュ+鍵 の形です"),
    ("the key is no base64", "公開鍵が base64 ではありません"),
    ("the key is no Ed25519 key", "Ed25519 の公開鍵ではありません"),
    (
        "the name of the key is empty or holds a space or plus sign",
        "公開鍵の名前が空か、空白・+ を含みます",
    ),
    (
        "the hash of the key does not belong to it",
        "公開鍵のハッシュが鍵と合いません",
    ),
    ("an Ed25519 key has 32 bytes", "Ed25519 の鍵は 32 バイトです"),
    ("too long for a note", "照合点として長すぎます"),
    ("it holds control characters", "制御文字を含みます"),
    ("no empty line before its signatures", "署名の前の空行がありません"),
    ("its last line is not ended", "最後の行が改行で終わっていません"),
    ("too many signatures", "署名が多すぎます"),
    ("a line that is no signature", "署名でない行があります"),
    ("a checkpoint has three lines", "照合点は3行です"),
    ("its size is not written plainly", "項目数の書き方が正しくありません"),
    (
        "its root is no base64 of 32 bytes",
        "根が 32 バイトの base64 ではありません",
    ),
    ("longer than 65535 bytes", "65,535 バイトを超えています"),
    ("not UTF-8", "UTF-8 ではありません"),
    ("no JSON object", "JSON のオブジェクトではありません"),
    ("not canonical JSON", "正規形の JSON ではありません"),
    ("it has no type", "種別がありません"),
    ("it is of another log", "別の記録簿のものです"),
    ("its signature is wrong", "署名が正しくありません"),
    (
        "it is not signed by the given key",
        "渡された公開鍵で署名されていません",
    ),
    ("it is no canonical base64", "正規の base64 ではありません"),
    (
        "none of the given identities opens it",
        "渡された秘密鍵では開けません（--identity）",
    ),
    ("its age header is damaged", "age の見出しが壊れています"),
    ("it is no age file", "age のファイルではありません"),
    ("its MAC does not hold", "見出しの認証コードが合いません"),
    ("its MAC is no base64", "見出しの認証コードが base64 ではありません"),
    ("a line outside a stanza", "見出しに余分な行があります"),
    ("an X25519 stanza of the wrong length", "X25519 の長さが違います"),
    ("it ends in the header", "見出しの途中で終わっています"),
    ("it ends behind the header", "見出しの直後で終わっています"),
    ("it is too long", "長すぎます"),
    ("it is no text", "文字列ではありません"),
    ("it cannot be read", "読めません"),
    ("was changed or cut", "が書き換えられたか切り取られています"),
    ("chunk ", "64 KiB 単位の塊 "),
    (" of 64 KiB", " 番"),
    ("it has no header line", "先頭の行がありません"),
    ("it holds more than was declared", "宣言より多くのデータを含みます"),
    (
        "its content is not what was sealed",
        "中身が封印したときのものではありません",
    ),
    (
        "its header is not what was sealed",
        "先頭の行が封印したときのものではありません",
    ),
    (
        "the checkpoint is not signed by this key",
        "照合点がこの公開鍵で署名されていません",
    ),
    (
        "the entry does not lead to the root of the checkpoint",
        "項目が照合点の根につながりません",
    ),
    ("the entry is of no segment", "区画の項目ではありません"),
    (
        "the line does not lead to the root of its segment",
        "行が区画の根につながりません",
    ),
    ("the line is no base64", "行が base64 ではありません"),
    (
        "the segment has another number of lines than its entry says",
        "区画の行数が項目と違います",
    ),
    ("not an X25519 identity", "X25519 の秘密鍵ではありません"),
    ("not a Bech32 text: mistyped?", "鍵の書き間違いです（Bech32）"),
    ("it ends in the middle", "途中で終わっています"),
];

/// A reason in Japanese, as far as it is known; what is left (of the system, of a library) stays as it is.
pub fn ja(why: &str) -> String {
    if let Some((_, ja)) = WORDS.iter().find(|(en, _)| *en == why) {
        return (*ja).to_owned();
    }
    let mut said = why.to_owned();
    for (en, ja) in WORDS {
        if said.contains(en) {
            said = said.replace(en, ja);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_said_in_japanese_also_within_others() {
        assert_eq!(ja("its signature is wrong"), "署名が正しくありません");
        assert_eq!(
            ja("chunk 3 of 64 KiB was changed or cut"),
            "64 KiB 単位の塊 3 番 が書き換えられたか切り取られています"
        );
        assert_eq!(
            ja("its age header is damaged: it ends in the header"),
            "age の見出しが壊れています: 見出しの途中で終わっています"
        );
        assert_eq!(ja("No such file or directory"), "No such file or directory");
    }
}
