# >>> provisioner jane.appleseed@icloud.com HASH >>>
# sh THIS-FILE imap [MAILBOX] [OPTIONS OF CURL]
# sh THIS-FILE smtp [OPTIONS OF CURL]
service=${1-}
test $# -gt 0 && shift
case $service in
imap)
  user=jane.appleseed url=imaps://imap.mail.me.com:993/
  case ${1--} in -*) ;; *) url=$url$1; shift ;; esac
  ;;
smtp)
  user=jane.appleseed@icloud.com url=smtp://smtp.mail.me.com:587/
  set -- --mail-from jane.appleseed@icloud.com "$@"
  ;;
*)
  echo "usage: sh $0 imap [MAILBOX] [OPTIONS OF CURL]" >&2
  echo "       sh $0 smtp [OPTIONS OF CURL]" >&2
  exit 2
  ;;
esac
unset password  # else it is exported if it was before
password=$(secret-tool lookup service provisioner username jane.appleseed@icloud.com | LC_ALL=C sed 's/["\\]/\\&/g')
test "$password" || { echo "The command gives no password." >&2; exit 1; }
# Through a pipe: the password is in no argument, variable of the environment or file.
{
  printf 'user = "%s:%s"\n' "$user" "$password" |
    curl --no-insecure --ssl-reqd --url "$url" -K /dev/fd/3 "$@" 3<&0 <&4 4<&-
} 4<&0
# <<< provisioner jane.appleseed@icloud.com <<<
