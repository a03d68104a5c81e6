# >>> provisioner jane.appleseed@icloud.com HASH >>>
[retriever]
type = SimpleIMAPSSLRetriever
server = imap.mail.me.com
port = 993
username = jane.appleseed
password_command = ('secret-tool', 'lookup', 'service', 'provisioner', 'username', 'jane.appleseed@icloud.com', )
ca_certs = /etc/ssl/certs/ca-certificates.crt
ssl_cert_hostname = imap.mail.me.com
mailboxes = ("INBOX",)

[destination]
type = Maildir
path = ~/Mail/getmail/jane.appleseed@icloud.com/

[options]
read_all = false
delete = false
# <<< provisioner jane.appleseed@icloud.com <<<
