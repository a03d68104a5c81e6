;; >>> provisioner jane.appleseed@icloud.com HASH >>>
(load "~/.config/provisioner/emacs/jane.appleseed@icloud.com.el" t t t)
;; <<< provisioner jane.appleseed@icloud.com <<<
