/** What the plugin's buttons do. Wire these to components or Actions of your own. */

import { conversationOf, tokenOf, type FlexManager, type FlexTask } from "./flex.js";
import { Router, RouterProblem, type Target } from "./router.js";

export interface Buttons {
  transfer(task: FlexTask, to: Target): Promise<string>;
  cancel(inviteId: string): Promise<string>;
  park(task: FlexTask, wakeAfterS?: number): Promise<string>;
}

/** Each answers what the agent is to be told; `transfer` answers the id that `cancel` takes. */
export function buttons(manager: FlexManager, routerUrl: string): Buttons {
  const router = new Router(routerUrl, tokenOf(manager));
  return {
    async transfer(task, to) {
      return (await router.transfer(conversationOf(task), to)).id;
    },
    async cancel(inviteId) {
      try {
        return (await router.cancel(inviteId)).state;
      } catch (problem) {
        if (problem instanceof RouterProblem && problem.status === 409) {
          return (await router.transferState(inviteId)).outcome; // somebody was faster
        }
        throw problem;
      }
    },
    async park(task, wakeAfterS) {
      return (await router.park(conversationOf(task), wakeAfterS)).state;
    },
  };
}
