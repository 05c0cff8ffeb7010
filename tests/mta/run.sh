#!/bin/bash
# A real Postfix on a loopback port, for tests: its own configuration, queue, log and mailbox in one folder.
# Nothing outside that folder is read or changed; only what was started from it is stopped.
#
#   run.sh start DIR [PORT]          start (again); DIR is made if it is not there; prints the port
#   run.sh stop DIR                  stop; mails, queue and port stay
#   run.sh answer DIR usual          accept everything
#   run.sh answer DIR CODE [ADDRESS] answer CODE (451, 550, ...) to RCPT TO, of everybody or of ADDRESS only;
#                                    in force when the command returns
#   run.sh accepted DIR              Message-ID and recipient of each mail delivered, one a line, by time of arrival
#   run.sh log DIR                   Postfix's log
#   run.sh end DIR                   stop, and delete DIR
#
# Needs Debian's package `postfix` (no running service, /etc/postfix is not used) and root, as Postfix's master does;
# everything that talks to clients runs as user postfix.
set -euo pipefail

MARK=made-by-tests-mta

die() { echo "run.sh: $*" >&2; exit 1; }
pf() { postfix -c "$DIR/etc" "$@" 2>>"$DIR/log/command.log"; }
running() { pf status >/dev/null 2>&1; }

# The instance's files. Access answers are in one map, read again at each `answer`.
make() {
    local port=$1
    mkdir -p "$DIR"/{etc,queue,data,box,log}
    chmod 755 "$DIR" "$DIR"/*
    chown postfix "$DIR/data" "$DIR/box"
    echo "$port" >"$DIR/port"
    [ -e "$DIR/etc/answers" ] || : >"$DIR/etc/answers"
    cat >"$DIR/etc/main.cf" <<EOF
compatibility_level = 3.6
queue_directory = $DIR/queue
data_directory = $DIR/data
maillog_file = $DIR/log/mail.log
maillog_file_prefixes = $DIR
myhostname = relay.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
notify_classes =
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_recipient_access regexp:$DIR/etc/answers, permit_mynetworks, reject
smtpd_error_sleep_time = 0
in_flow_delay = 0
# Every recipient is delivered into one maildir; nothing can leave this host.
virtual_mailbox_domains = regexp:$DIR/etc/everything
virtual_mailbox_base = $DIR/box
virtual_mailbox_maps = static:all/
virtual_uid_maps = static:$(id -u postfix)
virtual_gid_maps = static:$(id -g postfix)
default_transport = error:no mail leaves this test relay
relay_transport = error:no mail leaves this test relay
EOF
    echo '/./ here' >"$DIR/etc/everything"
    cat >"$DIR/etc/master.cf" <<EOF
127.0.0.1:$port inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
showq unix n - n - - showq
postlog unix-dgram n - n - 1 postlogd
EOF
    : >"$DIR/$MARK"
}

# The relay's answer to RCPT TO:<$1>, or nothing where it does not answer.
ask() {
    (
        exec 3<>"/dev/tcp/127.0.0.1/$PORT" || exit 0
        reply() { local line; while IFS= read -r -t 10 line <&3; do [ "${line:3:1}" = - ] || break; done; echo "${line%$'\r'}"; }
        reply >/dev/null
        local said
        for said in 'EHLO probe.example' 'MAIL FROM:<probe@example.lg.jp>' "RCPT TO:<$1>"; do
            printf '%s\r\n' "$said" >&3
            answer=$(reply)
        done
        printf 'QUIT\r\n' >&3
        echo "$answer"
    ) 2>/dev/null || true
}

# Waits until RCPT TO:<$1> is answered with code $2.
in_force() {
    local try
    for try in $(seq 100); do
        case $(ask "$1") in "$2"*) return 0 ;; esac
        sleep 0.05
    done
    die "the relay does not answer $2 to $1; see $DIR/log"
}

start() {
    [ "$(id -u)" = 0 ] || die "Postfix's master process must be started as root"
    command -v postfix >/dev/null || die "postfix is not installed"
    [ ! -e "$DIR" ] || [ -e "$DIR/$MARK" ] || [ -z "$(ls -A "$DIR")" ] || die "$DIR holds other things"
    if [ -e "$DIR/port" ]; then
        PORT=$(cat "$DIR/port")
        running || pf start >/dev/null || die "postfix does not start; see $DIR/log"
    else
        local try
        for try in $(seq 20); do
            PORT=${1:-$((20000 + RANDOM % 10000))}
            # Taken by somebody else?
            if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then
                [ -z "${1:-}" ] || die "port $PORT is taken"
                continue
            fi
            make "$PORT"
            pf start >/dev/null && break
            [ -z "${1:-}" ] && [ "$try" != 20 ] || die "postfix does not start; see $DIR/log"
        done
    fi
    local try
    for try in $(seq 100); do
        [ -z "$(ask probe@example.lg.jp)" ] || { echo "$PORT"; return 0; }
        sleep 0.05
    done
    die "postfix does not answer on port $PORT; see $DIR/log"
}

stop() {
    running || return 0
    pf stop >/dev/null || true
    local try
    for try in $(seq 100); do
        running || return 0
        sleep 0.05
    done
    die "postfix does not stop; see $DIR/log"
}

answer() {
    local code=$1 address=${2:-}
    if [ "$code" = usual ]; then
        : >"$DIR/etc/answers"
    elif [ -z "$address" ]; then
        echo "/./ $code as the test wants it" >"$DIR/etc/answers"
    else
        echo "/^${address//./\\.}\$/ $code as the test wants it" >"$DIR/etc/answers"
    fi
    running || return 0
    pf reload >/dev/null || die "postfix does not reload; see $DIR/log"
    [ "$code" != usual ] || code=250
    in_force "${address:-probe@example.lg.jp}" "$code"
}

accepted() {
    local mail
    # Maildir names begin with the second of arrival and sort by it.
    for mail in $(ls "$DIR/box/all/new" 2>/dev/null | sort -t. -k1,1n -k2); do
        sed -n '/^\r*$/q; s/^Delivered-To: *//Ip; s/^Message-ID: *//Ip' "$DIR/box/all/new/$mail" | tr -d '\r' |
            awk '/^</ { id = $0; next } { to = $0 } END { print id, to }'
    done
}

[ $# -ge 2 ] || { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
command=$1 DIR=$(realpath -m "$2")
shift 2
[ "$command" = start ] || [ -e "$DIR/$MARK" ] || die "$DIR was not made by this script"
[ ! -e "$DIR/port" ] || PORT=$(cat "$DIR/port")
case $command in
    start) start "$@" ;;
    stop) stop ;;
    answer) [ $# -ge 1 ] || die "answer what?"; answer "$@" ;;
    accepted) accepted ;;
    log) cat "$DIR/log/command.log" "$DIR/log/mail.log" 2>/dev/null ;;
    end) stop; rm -rf "$DIR" ;;
    *) die "unknown command $command" ;;
esac
