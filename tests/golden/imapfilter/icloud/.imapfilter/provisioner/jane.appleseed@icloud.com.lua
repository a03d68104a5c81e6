-- >>> provisioner jane.appleseed@icloud.com HASH >>>
local status, password = pipe_from("secret-tool lookup service provisioner username jane.appleseed@icloud.com")
if status ~= 0 then
    error("There is no password for jane.appleseed@icloud.com in the keyring, or it is locked.", 0)
end
password = password:gsub("\r?\n$", "")
password = password:gsub("\\", "\\\\")
return IMAP {
    server = "imap.mail.me.com",
    port = 993,
    ssl = "auto",
    username = "jane.appleseed",
    password = password,
}
-- <<< provisioner jane.appleseed@icloud.com <<<
