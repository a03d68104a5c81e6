;; >>> provisioner jane.appleseed@icloud.com HASH >>>
;; The account. First is what all accounts share.
(defvar provisioner-accounts nil
  "Mail accounts: (ADDRESS :imap SERVER :smtp SERVER :command PROGRAM-AND-ARGUMENTS).
A SERVER is (HOST PORT USER STREAM-TYPE NAMES-OF-PORT...).")

(defun provisioner-password (address)
  "The password of the account ADDRESS, from where its command has it."
  (let ((command (plist-get (cdr (assoc address provisioner-accounts)) :command))
        (coding-system-for-read 'utf-8))
    (with-temp-buffer
      (unless (and (eq 0 (apply #'call-process (car command) nil '(t nil) nil (cdr command)))
                   (> (buffer-size) 0))
        (user-error "The command gives no password for %s" address))
      (replace-regexp-in-string "\n+\\'" "" (buffer-string)))))

(defun provisioner-wanted-p (wanted values)
  "Whether one of VALUES is what an auth-source search has WANTED."
  (let ((found (memq wanted '(nil t))))
    (dolist (one (if (listp wanted) wanted (list wanted)) found)
      (when (member (format "%s" one) values)
        (setq found t)))))

(defun provisioner-search (&rest spec)
  "The logins that SPEC asks for, see `auth-source-search'."
  (let ((host (plist-get spec :host)) (port (plist-get spec :port)) (user (plist-get spec :user)) found)
    (unless (or (plist-get spec :create) (plist-get spec :delete))
      (dolist (account provisioner-accounts (nreverse found))
        (dolist (server (list (plist-get (cdr account) :imap) (plist-get (cdr account) :smtp)))
          (when (and (provisioner-wanted-p host (list (car server)))
                     (provisioner-wanted-p port (cons (number-to-string (nth 1 server)) (nthcdr 4 server)))
                     (provisioner-wanted-p user (list (nth 2 server))))
            (push (list :host (car server) :port (number-to-string (nth 1 server)) :user (nth 2 server)
                        :secret (apply-partially #'provisioner-password (car account)))
                  found)))))))

(defun provisioner-backend (entry)
  "The auth-source backend for ENTRY of `auth-sources', if it is ours."
  (when (eq entry 'provisioner)
    (make-instance 'auth-source-backend :source "provisioner" :type 'provisioner
                   :search-function #'provisioner-search)))

(with-eval-after-load 'auth-source
  (add-hook 'auth-source-backend-parser-functions #'provisioner-backend)
  (add-to-list 'auth-sources 'provisioner))

(defun provisioner-send-mail (other)
  "Send the mail by the server of the account that it is from, else as OTHER does."
  (let* ((from (or (message-fetch-field "From") user-mail-address))
         (address (downcase (or (cadr (mail-extract-address-components from)) "")))
         (server (plist-get (cdr (assoc address provisioner-accounts)) :smtp)))
    (if (not server)
        (funcall other)
      (require 'smtpmail)
      (let ((smtpmail-smtp-server (car server))
            (smtpmail-smtp-service (nth 1 server))
            (smtpmail-smtp-user (nth 2 server))
            (smtpmail-stream-type (nth 3 server)))
        (message-smtpmail-send-it)))))

(with-eval-after-load 'message
  (add-function :around message-send-mail-function #'provisioner-send-mail))

(setq provisioner-accounts
      (cons '("jane.appleseed@icloud.com"
              :imap ("imap.mail.me.com" 993 "jane.appleseed" tls "imaps" "imap")
              :smtp ("smtp.mail.me.com" 587 "jane.appleseed@icloud.com" starttls "submission" "smtps" "smtp")
              :command ("secret-tool" "lookup" "service" "provisioner" "username" "jane.appleseed@icloud.com" ))
            (assoc-delete-all "jane.appleseed@icloud.com" provisioner-accounts)))

(when (member user-mail-address
              (list nil "" (getenv "EMAIL")
                    (concat (user-login-name) "@" (or mail-host-address (system-name)))))
  (setq user-full-name "Jane Appleseed")
  (setq user-mail-address "jane.appleseed@icloud.com"))

(with-eval-after-load 'gnutls
  (unless (eq gnutls-verify-error t)
    (dolist (host '("imap.mail.me.com" "smtp.mail.me.com"))
      (add-to-list 'gnutls-verify-error
                   (list (concat "\\`" (regexp-quote host) "\\'") t)))))

(with-eval-after-load 'gnus
  (let ((method '(nnimap "jane.appleseed@icloud.com"
                         (nnimap-address "imap.mail.me.com")
                         (nnimap-server-port 993)
                         (nnimap-user "jane.appleseed")
                         (nnimap-stream tls))))
    (if (equal gnus-select-method (eval (car (get 'gnus-select-method 'standard-value)) t))
        (setq gnus-select-method method)
      (add-to-list 'gnus-secondary-select-methods method t))))

(with-eval-after-load 'mu4e
  (when (and (equal mu4e-get-mail-command "true") (executable-find "mbsync"))
    (setq mu4e-get-mail-command "mbsync -a"))
  (add-to-list 'mu4e-contexts
               (make-mu4e-context
                :name "jane.appleseed@icloud.com"
                :match-func (lambda (message)
                              (and message
                                   (string-prefix-p "/jane.appleseed@icloud.com/"
                                                    (mu4e-message-field message :maildir))))
                :vars '((user-mail-address . "jane.appleseed@icloud.com")
                        (user-full-name . "Jane Appleseed")
                        (mu4e-sent-folder . "/jane.appleseed@icloud.com/Sent Messages")
                        (mu4e-drafts-folder . "/jane.appleseed@icloud.com/Drafts")
                        (mu4e-trash-folder . "/jane.appleseed@icloud.com/Deleted Messages")
                        ))
               t))
;; <<< provisioner jane.appleseed@icloud.com <<<
