import { htmlEscape } from 'escape-goat'

export interface Mail {
  readonly to: { readonly name: string; readonly address: string }
  readonly subject: string
  readonly text: string
  readonly html: string
  readonly messageId: string
}

export interface Recipient {
  readonly email: string
  readonly username: string
}

/** Scripts that are written from right to left. */
const RIGHT_TO_LEFT = /\p{Script=Arabic}|\p{Script=Hebrew}|\p{Script=Syriac}|\p{Script=Thaana}|\p{Script=Nko}/u

/** `messageId` is the same for each delivery of a job, so that a mail that goes out twice can be told from two mails. */
export function renderWelcomeMail({ email, username }: Recipient, messageId: string): Mail {
  const name = isolated(username)
  return {
    to: { name: username, address: email },
    subject: `Welcome, ${name}!`,
    text: [
      `Hello ${name},`,
      'your account is ready.',
      `You can sign in with ${email} from now on.`,
      'If you did not ask for it, just ignore this mail.',
    ].join('\n\n'),
    html: htmlEscape`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Welcome</title></head>
<body>
<p>Hello <bdi>${username}</bdi>,</p>
<p>your account is ready.</p>
<p>You can sign in with <b>${email}</b> from now on.</p>
<p>If you did not ask for it, just ignore this mail.</p>
</body>
</html>
`,
    messageId,
  }
}

/** Between marks of isolation, without which a name from right to left would drag the punctuation behind it along. */
function isolated(name: string): string {
  return RIGHT_TO_LEFT.test(name) ? `\u2068${name}\u2069` : name
}
