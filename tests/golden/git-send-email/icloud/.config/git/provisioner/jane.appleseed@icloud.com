# >>> provisioner jane.appleseed@icloud.com HASH >>>
[sendemail "jane.appleseed@icloud.com"]
	from = "Jane Appleseed <jane.appleseed@icloud.com>"
	envelopeSender = auto
	smtpServer = "smtp.mail.me.com"
	smtpServerPort = "587"
	smtpEncryption = tls
	smtpAuth = PLAIN LOGIN
	smtpUser = "jane.appleseed@icloud.com"
[sendemail]
	identity = "jane.appleseed@icloud.com"
[credential "smtp://jane.appleseed%40icloud.com@smtp.mail.me.com:587"]
	helper =
	helper = "!f() { test \"$1\" = get && p=$(secret-tool lookup service provisioner username jane.appleseed@icloud.com) && printf \"password=%s\\n\" \"$p\"; }; f"
# <<< provisioner jane.appleseed@icloud.com <<<
