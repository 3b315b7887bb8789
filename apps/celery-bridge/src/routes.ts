// The table that you write: a line for each Celery task that is handled in TypeScript from now on.
import { defineRoutes, signature } from './bridge/define-routes.js'
import { buildReport, sendWelcomeEmail } from './tasks.js'

const buildReportParameters = signature('account_id', 'since')

export const routes = defineRoutes({
  // def send_welcome_email(email, username)
  'app.tasks.send_welcome_email': { task: sendWelcomeEmail, input: signature('email', 'username') },

  // def build_report(account_id, since=None)
  'app.tasks.build_report': {
    task: buildReport,
    input: (args, kwargs) => {
      const { account_id, since } = buildReportParameters(args, kwargs)
      return { accountId: account_id, since: since ?? undefined }
    },
  },
})
