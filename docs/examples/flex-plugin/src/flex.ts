/** The little of Flex UI that this example touches, declared here so that it needs no package of Flex to be checked. */

export interface FlexManager {
  store: { getState(): { flex: { session: { ssoTokenPayload: { token: string } } } } };
  workerClient: { sid: string };
}

export interface FlexTask {
  attributes: { conversationSid?: string; flexInteractionSid?: string; flexInteractionChannelSid?: string };
}

/** The token changes while somebody is logged in, so it is asked for at each call. */
export function tokenOf(manager: FlexManager): () => string {
  return () => manager.store.getState().flex.session.ssoTokenPayload.token;
}

/** The conversation of a task; a task of another kind (a call, say) has none. */
export function conversationOf(task: FlexTask): string {
  const sid = task.attributes.conversationSid;
  if (sid === undefined) {
    throw new Error("this task has no conversation");
  }
  return sid;
}
