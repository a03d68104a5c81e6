-- >>> provisioner jane.appleseed@icloud.com HASH >>>
provisioner = provisioner or {}
provisioner["jane.appleseed@icloud.com"] = dofile("/home/jane/.imapfilter/provisioner/jane.appleseed@icloud.com.lua")
-- <<< provisioner jane.appleseed@icloud.com <<<
