#!/bin/sh
# >>> provisioner jane.appleseed@icloud.com HASH >>>
# Fetches the mail of jane.appleseed@icloud.com. fetchmail gets its settings and the password, which the keyring
# is asked for, on its standard input; more options for it may be given.
set -eu
umask 077
maildir=$HOME/Mail/fetchmail/jane.appleseed@icloud.com

if [ "${1-}" = --deliver ]; then
    mail=$(date +%s).$$.$(uname -n)
    cat > "$maildir/tmp/$mail"
    ln "$maildir/tmp/$mail" "$maildir/new/$mail"
    rm "$maildir/tmp/$mail"
    exit
fi

hook() {
 secret-tool lookup service provisioner username jane.appleseed@icloud.com
}

settings() {
    cat << 'END'
set no bouncemail
poll "imap.mail.me.com"
    protocol imap
    port 993
    auth password
    user "jane.appleseed"
    ssl
    sslproto "TLS1.2+"
    sslcertck
    keep
    no rewrite
    mda "exec sh \x22$PROVISIONER_SCRIPT\x22 --deliver"
END
    # Each byte by its number, so that none means something to fetchmail; without the end of the line.
    printf '    password "'
    hook | od -An -v -tx1 | tr '\n' ' ' | sed -e 's/ *$//' -e 's/ *0a$//' -e 's/  */\\x/g' | tr -d '\n'
    printf '"\n'
}

if ! hook | grep -q .; then
    echo 'There is no password for jane.appleseed@icloud.com in the keyring, or it is locked.' >&2
    exit 1
fi
case $0 in
/*) PROVISIONER_SCRIPT=$0 ;;
*) PROVISIONER_SCRIPT=$PWD/$0 ;;
esac
export PROVISIONER_SCRIPT
# Its exit code 1 says that there is no new mail.
settings | fetchmail -f - --idfile "$maildir/.fetchids" --pidfile "$maildir/.fetchmail.pid" "$@" ||
    exit $(($? == 1 ? 0 : $?))
# <<< provisioner jane.appleseed@icloud.com <<<
