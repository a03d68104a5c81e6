"""What servers say, as patterns: searched for in any case, in the first characters of an answer.

Wording: Dovecot, Courier, Cyrus (and its SASL library, which Postfix passes on), Exchange, Zimbra, Exim,
hMailServer, Gmail, Yahoo, QQ, Zoho and others. A span between two words is short, to stay in one sentence.
"""

from __future__ import annotations

_SERVICE = r"\b(imap4?s?|smtps?|pop3?s?)(?!\.?\w)"
"""A protocol, and not the name of a server."""
_OFF = (
    r"(disabled|deactivated|inactive|(switched|turned) off|not open|nicht aktiviert|"
    r"(not|n.t) (been )?(enabled|allowed|permitted|activated|active|switched on|turned on)|"
    r"(not|n.t) available (for|to|in|on|with))"
)
_DOWN = r"(down|offline|unavailable|unreachable|not (available|running|responding|reachable))"

_OF_APP = (
    r"(app(lication)?([- ]specific)?[- ]passw(or)?d|parol prilozheniya|authori[sz]ation code|app-passwort|"
    r"mot de passe d.application)"
)
APP_PASSWORD_WANTED = (
    rf"{_OF_APP}.{{0,60}}(requir|needed|erforderlich)|"
    rf"(use|only|please using|creat|need|generat|requir|neobhodim|verwend|benutz|utilise)\w{{0,9}}.{{0,40}}"
    rf"{_OF_APP}|\btotp\b.{{0,30}}(requir|needed|missing)|missing totp\b"
)
_ALERT = r"(^|\[ALERT\]|[.!;:])\s*"
ALERT_APP_PASSWORD = (
    rf"{_ALERT}(an? )?{_OF_APP} (is )?(required|needed)(?! (from|after|as of|by|on|for|to)\b)"
)
ALERT_WEB_LOGIN = rf"\[WEBALERT\b|{_ALERT}(please log in via your web browser|web login required)"
"""Sentences that are said to one who logs in, and not to everybody: Gmail's."""
METHOD_OFF = (
    r"basic auth\w{0,12} (is |has been )?(disabled|blocked|(not|no longer) (supported|allowed|enabled))|"
    r"passwords?( based)? (auth\w*|log-?ins?) (is |are |has been |have been )?"
    r"(disabled|blocked|(not|no longer) (supported|allowed|enabled|permitted))|"
    r"SmtpClientAuthentication is disabled|\b5\.7\.139\b(?!.{0,80}(credentials|locked))|"
    r"mechanism (is )?too weak"
)
OAUTH_WANTED = r"(use|requires?|only) .{0,20}(x?oauth|modern auth)"
METHOD_BROKEN = (
    r"\b(no|unknown|unsupported|invalid|unrecogni[sz]ed) (\w+ )?mechanism\b|"
    r"mechanism (is )?(not (available|supported|enabled)|doesn.t support)|no verifier for user"
)
WEB_LOGIN = r"(web ?browser|web ?login)"
CONFIRM = (
    r"(sign|log) ?in.{0,30}\b(re)?activat|(suspicious|unusual).{0,30}(activity|log-?in|sign-?in)|captcha"
)
"""That it is you."""
MOVED = r"(account|mailbox|user) (has been |was |is )?(migrated|moved) to"
_WARNING = r".{0,30}\b(will|may|might|can|could|would)\b.{0,20}(lock|block|suspend|disabl|reached)"
"""What will happen has not happened."""
LIMIT = (
    rf"too many(?!{_WARNING})|number of connections.{0, 40}exceeded|credits exceeded|"
    r"rate[ -]?limit|limit exceeded|exceeded.{0,30}limit|throttl|"
    r"(connection|log-?in|session|attempt)s?.{0,20}(limit|maximum).{0,20}reached|"
    r"maximum.{0,20}(connection|log-?in|session|attempt)s?(?! may ).{0,20}(reached|exceeded)|"
    r"temporar\w{1,5} (locked|blocked|banned)"
)
TOO_OFTEN_WRONG = (
    rf"too many(?!{_WARNING}).{{0,20}}(fail|invalid|bad|wrong|incorrect|unsuccessful|mistakes|"
    r"(log-?in|logon|auth\w*) attempts)"
)
CONNECTIONS = r"number of connections.{0,40}exceeded"
LATER = r"try again later"
UNAVAILABLE = (
    r"temporar\w{1,5} (\w+ )?(unavailable|fail\w{0,5}|error|problem)|"
    r"(service|server(\(s\))?|system|back-?end|ldap|radius|database|directory|currently)( is)?( \w+)? "
    rf"{_DOWN}\b|"
    r"internal (server |log-?in )?(error|failure)|\b(system|server) error\b|"
    r"unexpected exception|connection lost to auth|"
    r"(?<!scheduled )(?<!planned )maintenance(?! (window|on|tonight|tomorrow))|overload|"
    r"(server|system|service) (is )?(too )?busy|database.{0,20}error|(?<!user )lookup fail|"
    r"time(d )?-?out.{0,40}(auth|back-?end|ldap|server|database)|"
    r"(auth\w*|back-?end|ldap|server|database) time(d )?-?out|"
    r"(cannot|can't|could ?n[o']t|unable to|failed to) (contact|connect|reach)|"
    r"\bgeneric failure|no memory available|transient failure"
)
OFF_FOR_ONE = rf"{_SERVICE}[^:;.!]{{0,20}} not available (for|to) (this|that|your|the) (account|user|mailbox)"
TRANSITION = r"one time use of a plaintext password|password transition"
EXPIRED = (
    r"passw\w{2,5}.{0,20}(expired|must be changed|needs? to be changed)|expired passw|"
    r"(must|need to|have to) change (your |the )?passw|passphrase expired"
)
ACCESS_OFF = (
    rf"({_SERVICE}|\baccess\b|mail client)[^:;.!]{{0,40}}{_OFF}|"
    rf"(enabl|activat|aktivier)\w{{0,4}} .{{0,30}}{_SERVICE}|(turn|switch) on .{{0,30}}{_SERVICE}|"
    rf"not (enabled|activated|allowed|authori[sz]ed|permitted) (for|to use) .{{0,20}}{_SERVICE}|"
    rf"{_SERVICE} access denied|"
    rf"{_SERVICE}.{{0,20}}(must|needs? to|has to) be (enabled|activated|(switched|turned) on)|"
    rf"{_SERVICE}.{{0,40}}\bonly (available|allowed|included|for)\b|"
    rf"(subscribe|upgrade|premium|paid|paying)\b.{{0,60}}{_SERVICE}|"
    rf"{_SERVICE}.{{0,60}}(subscribe|upgrade|premium|paid|paying)\b|not have access rights to this service|"
    r"user has no permission|\b(paying|premium|paid) (members|customers|users|accounts|plans?|subscri)"
)
ANYTHING = r"account is abnormal, ?service is not open"
"""QQ says one sentence for four causes."""
BLOCKED = (
    r"(?<!before your )(?<!before the )account(?!.{0,10} will be).{0,30}"
    r"(?<!not )(locked|suspended|disabled|blocked|deactivated|inactive|closed|frozen|terminated|expired)|"
    r"account.{0,20}not (yet )?activ|user log-?in (is )?disabled|"
    r"\buser (is )?(locked|suspended|disabled|blocked|deactivated)|password locked|"
    r"log-?ins? (is |are )?(disabled|not allowed|not permitted) (for|to) (this|that|your|the) (account|user)"
)
IN_CLEAR = (
    r"(plain|clear)( ?-?text)? (auth\w*|log-?ins?|passwords?) (is |are )?"
    r"(disallowed|disabled|forbidden|not (allowed|permitted|supported))|"
    r"log-?in only available under a layer"
)
WANTS_TLS = (
    r"\b(use|requires?|needs?|must|enable).{0,20}\b(ssl|tls|starttls|encrypt)|"
    r"\b(ssl|tls|starttls|encryption)\b(?!.{0,20}certificate).{0,30}\b(required|needed|mandatory)"
)
SECOND_FACTOR = (
    r"(2fa|two[- ](factor|step)|multi-?factor|verification).{0,40}(enable|must|requir|turn)|"
    r"(enable|turn on|switch on).{0,30}(2fa|two[- ](factor|step)|multi-?factor)"
)
NETWORK = (
    r"\b(ip|location|country|region|network)\b( address)?( \S+)?.{0,20}\b"
    r"(blocked|banned|denied|rejected|restricted|not (allowed|permitted|authori[sz]ed|trusted)|"
    r"(not |is )?(on |in )?.{0,10}(white|black|block|allow)-? ?list)|"
    r"(denied|blocked|banned|not (allowed|permitted)).{0,30}\b"
    r"(location|country|region|ip|network|your address)\b|fail2ban|blacklist|block ?list|whitelist"
)
CONDITION = (
    r"\baccept.{0,20}\b(eula|terms|agreement)\b|"
    r"verify your (account|identity|phone|e-?mail)|terms of (service|use)|quota (is )?exceeded|over quota|"
    r"account.{0,20}(under (evaluation|review)|not (yet )?(verified|approved|confirmed))|"
    r"pop3?[- ](before|then)[- ]smtp|(check|read|fetch|retrieve) (your |the )?(e-?)?mail (first|before)"
)
_WRONG = r"(invalid|bad|wrong|incorrect|falsch|not accepted|rejected)"
_NAME = r"(user ?-?names?|users?|log-?ins?|e-?mail( address(es)?)?|account)"
BLAMED = (
    rf"\b{_WRONG} ({_NAME}(,| and| or|/| ?/ ?)? ?(or |and )?)?(passw?(or)?d|passphrase|credentials)|"
    rf"\bpass(word|phrase)? ((is|was) |ist )?{_WRONG}\b|\blog-?in incorrect|"
    rf"\bcredentials ((are|were|is) )?{_WRONG}\b|no such user\b|\binvalid log-?in\b|"
    rf"\bcheck (that )?(your |the )?({_NAME} (and|or) )?(password|credentials)\b"
)
"""Words that plainly blame the user name or the password, whatever else is said for general use."""
SEEMS_BLAMED = r"(authentication|login) (failed|unsuccessful)|(invalid|bad|incorrect) (cred|log|user|pass)"
NO_MAILBOX = r"authenticated but not connected"
"""Exchange, of a login that it believes, for a mailbox that it does not give."""
SENDER = (
    r"sender (address )?(rejected|denied|not allowed|verify failed)|not owned by|send ?as ?denied|send as|"
    r"(sender|from|envelope).{0,40}(not (allowed|authori[sz]ed|permitted)|mismatch|must match|does not match)"
)
RELAY = r"\brelay(ing)?\b"
# Makers of programs that open encrypted connections, as they sign their certificates.
INTERCEPTORS = (
    r"\b(avast|avg|kaspersky|eset|bitdefender|zscaler|forti(net|gate)|sophos|netskope|mcafee|norton|"
    r"symantec web|dr\.?\s?web|trend ?micro|g ?data|f-secure|webroot|comodo internet security|cisco umbrella|"
    r"palo ?alto|blue ?coat|barracuda|check ?point|watchguard|sonicwall|forcepoint|cloudflare gateway|"
    r"mitmproxy|charles proxy|fiddler|portswigger|burp|adguard|squid|privoxy|superfish)\b"
)
PUBLIC = (
    r"let's encrypt|isrg|digicert|sectigo|usertrust|comodo|globalsign|google trust|amazon|entrust|godaddy|"
    r"starfield|identrust|certum|actalis|buypass|swisssign|geotrust|thawte|rapidssl|apple|microsoft|zerossl|ssl\.com"
)
