// What the tests do inside Thunderbird; each script that thunderbird.py sends may call these.
/* global arguments, Cc, Ci, ChromeUtils, Services */
const { MailServices } = ChromeUtils.importESModule("resource:///modules/MailServices.sys.mjs");

const main = () => Services.wm.getMostRecentWindow("mail:3pane");
const composer = () => Services.wm.getMostRecentWindow("msgcompose");
const pane = () => main().document.getElementById("tabmail")?.currentAbout3Pane;
const folderRows = () => [...pane().document.querySelectorAll("#folderTree li")];
const messageRows = () => [...pane().document.querySelectorAll("#threadTree [id^='threadTree-row']")];
const text = (row, part) => row.querySelector(part)?.textContent.trim() || "";
const visible = element => element.checkVisibility();
const nameOf = server => `${server.username}@${server.hostname}`;

function* inside(root) {
  for (const element of root.querySelectorAll("*")) {
    yield element;
    if (element.shadowRoot) yield* inside(element.shadowRoot);
  }
}

function obstacles() {
  const found = [];
  for (const win of Services.wm.getEnumerator(null)) {
    const place = win.location.href;
    // A window that is about:blank is still loading; what it becomes is seen the next time.
    if (place.includes("/messengercompose/") || place == "about:blank") continue;
    if (place != "chrome://messenger/content/messenger.xhtml") {
      found.push(`window: ${place} ${win.document.title}`);
    }
    for (const element of inside(win.document)) {
      if (element.localName == "dialog" && element.open) {
        found.push(`dialog: ${element.id || element.className}`);
      }
      if (element.localName == "notification-message" && element.getBoundingClientRect().width) {
        found.push(`bar: ${element.getAttribute("value")}`);
      }
    }
  }
  return found;
}

function view() {
  if (!pane()) return { folder: "", rows: [], tree: [] };
  return {
    folder: pane().gFolder?.URI || "",
    rows: messageRows().filter(visible).map(row => text(row, ".subject")),
    tree: folderRows().filter(visible).map(row => text(row, ".name")),
  };
}

// Mailboxes of the account that are shown and that the server's list has confirmed.
function mailboxes(host) {
  const uris = folderRows().map(row => row.uri).filter(uri => uri?.includes(`@${host}/`));
  const folders = uris.map(uri => MailServices.folderLookup.getFolderForURL(uri));
  if (!folders.every(f => f.QueryInterface(Ci.nsIMsgImapMailFolder).verifiedAsOnlineFolder)) return [];
  return uris.map(uri => decodeURIComponent(uri.slice(uri.indexOf(`@${host}/`) + host.length + 2)));
}

function openInbox(host) {
  const inbox = folderRows().find(row => row.uri?.includes(`@${host}/`) && row.uri.endsWith("/INBOX"));
  inbox?.querySelector(".container").click();
  return !!inbox;
}

function selectMessage(subject) {
  const row = messageRows().find(candidate => text(candidate, ".subject") == subject);
  if (row) pane().document.getElementById("threadTree").selectedIndex = row.index;
  return !!row;
}

function accounts() {
  const servers = MailServices.accounts.accounts.map(account => account.incomingServer);
  return servers.filter(server => server.type != "none").map(nameOf);
}

function compose(recipient, subject, sender) {
  const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
  fields.to = recipient;
  fields.subject = subject;
  fields.body = "Hello.\n";
  const params = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
  params.composeFields = fields;
  params.identity = MailServices.accounts.allIdentities.find(identity => identity.email == sender);
  if (!params.identity) throw new Error(`no identity ${sender}`);
  params.type = Ci.nsIMsgCompType.New;
  params.format = Ci.nsIMsgCompFormat.PlainText;
  MailServices.compose.OpenComposeWindowWithParams(null, params);
}

async function savedPasswords() {
  const logins = await Services.logins.getAllLogins();
  return Object.fromEntries(logins.map(login => [login.origin, `${login.username} ${login.password}`]));
}

function setPrimaryPassword(password) {
  const token = Cc["@mozilla.org/security/internalkeytoken;1"].createInstance(Ci.nsIPKCS11Token);
  token.changePassword("", password);
}

function sendByTheDefault(sender, defaultAddress) {
  const of = address => MailServices.accounts.allIdentities.find(identity => identity.email == address);
  const { outgoingServer } = MailServices;
  outgoingServer.defaultServer = outgoingServer.getServerByIdentity(of(defaultAddress));
  Services.prefs.clearUserPref(`mail.identity.${of(sender).key}.smtpServer`);
  return outgoingServer.getServerByIdentity(of(sender)).username;
}

async function addAccount(address, imap, user, smtp, password, sent) {
  const server = MailServices.accounts.createIncomingServer(user, imap, "imap");
  server.port = 993;
  server.socketType = Ci.nsMsgSocketType.SSL;
  server.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
  server.prettyName = address;
  server.loginAtStartUp = server.doBiff = !!password;

  const outgoing = MailServices.outgoingServer.createServer("smtp");
  outgoing.QueryInterface(Ci.nsISmtpServer);
  outgoing.hostname = smtp;
  outgoing.port = 587;
  outgoing.socketType = Ci.nsMsgSocketType.alwaysSTARTTLS;
  outgoing.authMethod = Ci.nsMsgAuthMethod.passwordCleartext;
  outgoing.username = address;

  const identity = MailServices.accounts.createIdentity();
  identity.email = address;
  identity.fullName = user;
  identity.smtpServerKey = outgoing.key;
  if (sent) {
    identity.fccFolderURI = `${server.serverURI}/${sent}`;
    identity.fccFolderPickerMode = "1";
  }
  const account = MailServices.accounts.createAccount();
  account.incomingServer = server;
  account.addIdentity(identity);
  server.valid = identity.valid = true;
  MailServices.accounts.defaultAccount = account;
  MailServices.outgoingServer.defaultServer = outgoing;

  for (const [origin, name] of password ? [[`imap://${imap}`, user], [`smtp://${smtp}`, address]] : []) {
    const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
    login.init(origin, null, origin, name, password, "", "");
    await Services.logins.addLoginAsync(login);
  }
  Services.prefs.savePrefFile(null);
}
