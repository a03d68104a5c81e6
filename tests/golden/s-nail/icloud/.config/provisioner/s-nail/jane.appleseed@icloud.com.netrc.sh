# >>> provisioner jane.appleseed@icloud.com HASH >>>
unset password  # else it is exported if it was before
password=$(secret-tool lookup service provisioner username jane.appleseed@icloud.com | LC_ALL=C sed 's/["\\]/\\&/g')
test "$password" || exit 1
printf 'machine %s login %s password "%s"\n' imap.mail.me.com '"jane.appleseed"' "$password"
printf 'machine %s login %s password "%s"\n' smtp.mail.me.com '"jane.appleseed@icloud.com"' "$password"
# <<< provisioner jane.appleseed@icloud.com <<<
